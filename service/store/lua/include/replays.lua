-- Decisions given again: that of a contact's record, and those that a later one took the place of, in keys of their own.

--- @include "records"
--- @include "agents"

local DECISION = '>BI3I3I4I7I6'  -- outcome, agent, choice, revision, sequence, time; then the reply

-- The decision on record.
local function decision_on(contact, replayed)
  return decision(contact.outcome, id_of_agent(contact.agent), choice_numbered(contact.choice), contact.revision,
    contact.sequence, contact.time, replayed, reply_of(contact))
end

-- The earlier decision for this request id; nil if there was none.
local function replay(contact, request)
  if contact.request == request and contact.outcome ~= 0 then
    return decision_on(contact, 1)
  end
  local packed = call('GET', root .. REPLAY .. contact.id .. SEPARATOR .. request)
  if packed then
    local outcome, agent, choice, under, sequence, time, rest = struct.unpack(DECISION, packed)
    return decision(outcome, id_of_agent(agent), choice_numbered(choice), under, sequence, time, 1,
      string.sub(packed, rest))
  end
end

-- Keeps a decision for so long (ms) for whoever asks again.
local function keep_replay(id, request, retention, outcome, agent, choice, under, sequence, time, reply)
  call('SET', root .. REPLAY .. id .. SEPARATOR .. request,
    struct.pack(DECISION, outcome, agent, choice, under, sequence, time) .. reply, 'PX', retention)
end
