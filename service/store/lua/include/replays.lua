-- Decisions given again: that of a contact's record, and those that a later one took the place of, in keys of their own.

--- @include "records"
--- @include "agents"

local DECISION = '>BI3I3I4I7I6'  -- outcome, agent, choice, revision, sequence, time; then the reply

-- The decision on record.
local function decision_on(contact, replayed)
  return decision(contact.outcome, id_of_agent(contact.agent), choice_numbered(contact.choice), contact.revision,
    contact.sequence, contact.time, replayed, reply_of(contact))
end

local function replay_kept(id, request)
  local packed = call('GET', root .. REPLAY .. id .. SEPARATOR .. request)
  if packed then
    local outcome, agent, choice, under, sequence, time, rest = struct.unpack(DECISION, packed)
    local kept = decision(outcome, id_of_agent(agent), choice_numbered(choice), under, sequence, time, 1,
      string.sub(packed, rest))
    kept[OWNER_UNKNOWN] = outcome == ALREADY_ASSIGNED and not is_in_roster(agent) and 1 or 0
    return kept
  end
end

-- What an earlier version decided for this request id; it did not note for which type of event. Whoever it said is the
-- owner is said again for every type, so that no retry finds another one; what left the contact without is decided anew.
local function replay_of_any_event(contact, request_id)
  if contact.request == request_id then
    return contact.outcome == ASSIGNED and decision_on(contact, 1) or nil
  end
  local kept = replay_kept(contact.id, request_id)
  return kept and kept[DECISION_AGENT] ~= '' and kept or nil
end

-- The earlier decision for this request, which is its id and behind that the type of event, in one byte; nil if there was
-- none. What was decided under an id that stands for this contact by now comes first.
local function replay(contact, request)
  local under_alias = contact.asked ~= contact.id and replay_kept(contact.asked, request)
  if under_alias then
    return under_alias
  end
  if contact.request == request and contact.outcome ~= 0 then
    return decision_on(contact, 1)
  end
  return replay_kept(contact.id, request) or replay_of_any_event(contact, string.sub(request, 1, -2))
end

-- Keeps a decision for so long (ms) for whoever asks again.
local function keep_replay(id, request, retention, outcome, agent, choice, under, sequence, time, reply)
  call('SET', root .. REPLAY .. id .. SEPARATOR .. request,
    struct.pack(DECISION, outcome, agent, choice, under, sequence, time) .. reply, 'PX', retention)
end

-- The decision on record gives way to another one: if it has a request id, it is kept for so long (ms).
local function set_aside(contact, retention)
  if contact.request ~= '' then
    keep_replay(contact.id, contact.request, retention, contact.outcome, contact.agent, contact.choice,
      contact.revision, contact.sequence, contact.time, reply_of(contact))
  end
end
