-- Decides about contacts, one after another, each as a whole: claims the contact, chooses the agent, moves the
-- rotation, counts, and records the decision.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  revision of the rules the caller prepared this under
-- ARGV[2]  how long the record of a contact without an open conversation is kept (ms)
-- ARGV[3]  how long a replay is kept (ms)
-- then, for each contact, FIELDS arguments:
--   contact id, its bucket, owner id as the caller knows it ('' = nobody), 1 if its conversation was opened,
--   request id ('' = none), name of what the rule asks for ('' = no rule matched), reply ('' = none), in which
--   SEPARATOR stands for the agent's name
--
-- Returns  a decision for each contact

--- @include "strategies"
--- @include "records"
--- @include "pools"
--- @include "leases"

local FIELDS = 7
local retention, replay_retention = ARGV[2], ARGV[3]

local state = redis.call('HMGET', KEYS[1], 'revision', 'building', 'lease')
if state[2] then
  return HALF_BUILT
end
if (state[1] or '0') ~= ARGV[1] then
  return STALE_RULES
end
local now = now_ms()
if state[3] and tonumber(state[3]) <= now then
  return DUE_LEASES
end
local revision = tonumber(ARGV[1])

-- The earlier decision for this request id, if there was one.
local function replay(contact, request)
  if contact.request == request and contact.outcome ~= 0 then
    return answer(contact.outcome, id_of_agent(contact.agent), choice_numbered(contact.choice), contact.revision,
      contact.sequence, contact.time, 1, reply_of(contact))
  end
  local packed = redis.call('GET', KEYS[1] .. REPLAY .. contact.id .. SEPARATOR .. request)
  if packed then
    local outcome, agent, choice, under, sequence, time, rest = struct.unpack(DECISION, packed)
    return answer(outcome, id_of_agent(agent), choice_numbered(choice), under, sequence, time, 1, string.sub(packed, rest))
  end
end

local function remember(contact, request, outcome, agent, choice, under, sequence, time, reply)
  redis.call('SET', KEYS[1] .. REPLAY .. contact.id .. SEPARATOR .. request,
    struct.pack(DECISION, outcome, agent, choice, under, sequence, time) .. reply, 'PX', replay_retention)
end

-- The contact is owned: the record follows the caller's owner, and an opened conversation is counted.
local function keep_owner(contact, owner_id, opened, request)
  local owner = owner_id ~= '' and number_of_agent(owner_id) or contact.owner
  local state = (contact.state == CLOSED and not opened) and CLOSED or OPENED
  if owner ~= contact.owner or state ~= contact.state then
    if contact.state == OPENED then
      release(contact.owner)
    end
    if state == OPENED then
      occupy(owner)
    end
    contact.owner, contact.state = owner, state
    save_contact(contact, retention)
  end
  local sequence = next_sequence()
  if request ~= '' then
    remember(contact, request, ALREADY_ASSIGNED, owner, 0, revision, sequence, now, '')
  end
  return answer(ALREADY_ASSIGNED, owner_id ~= '' and owner_id or id_of_agent(owner), '', revision, sequence, now, 0, '')
end

-- Moves an agent's virtual time on by 1/weight, in every view of the pool.
local function take_turn(agent, turn, sequence)
  -- A weight that does not divide TURN leaves a rest, which is carried, so that shares never drift.
  local credit = TURN + turn.rest
  turn.rest = credit % agent.weight
  for at, time in ipairs(turn.times) do
    turn.times[at] = time + (credit - turn.rest) / agent.weight
  end
  turn.last, turn.assigned = sequence, turn.assigned + 1
end

-- Chooses the first of the view, and notes the assignment. Returns the agent; nil: nobody is eligible.
local function choose(pool, view_name, sequence)
  local chosen = redis.call('ZRANGE', KEYS[1] .. VIEW .. view_name, 0, 0)[1]
  if not chosen then
    return nil
  end
  local _, _, number = struct.unpack(MEMBER, chosen)
  local agent = load_agent(number, pool)
  local before = agent.open
  agent.open = before + 1
  take_turn(agent, agent.turn, sequence)
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'open', agent.open, 'turn:' .. pool, cmsgpack.pack(agent.turn))
  for _, place in ipairs(agent.pools) do
    if place.pool == pool then
      for at, view in ipairs(place.views) do
        if is_eligible(agent, view, agent.online, before) then
          move(agent, view, agent.turn, at, true, chosen)
        end
      end
    end
  end
  follow(agent, agent.online, before, pool)
  return agent
end

local function decide(id, bucket, owner_id, opened, request, ref, reply)
  local contact = load_contact(id, bucket)
  local earlier = request ~= '' and contact.place and replay(contact, request)
  if earlier then
    return earlier
  end
  if owner_id ~= '' or contact.owner ~= 0 then
    return keep_owner(contact, owner_id, opened == '1', request)
  end
  local sequence = next_sequence()
  local outcome, agent, text, choice = NO_RULE_MATCHED, nil, '', nil
  if ref ~= '' then
    text, choice = choice_called(ref)
    agent = choose(choice.pool, choice.view.name, sequence)
    outcome = agent and ASSIGNED or NO_AGENT_AVAILABLE
  end
  if contact.request ~= '' then
    remember(contact, contact.request, contact.outcome, contact.agent, contact.choice, contact.revision,
      contact.sequence, contact.time, reply_of(contact))
  end
  if not agent then
    reply = ''
  elseif reply ~= '' then
    reply = string.gsub(reply, SEPARATOR, function() return agent.name end)
    redis.call('SET', KEYS[1] .. REPLY .. id, reply, 'PX', replay_retention)
  end
  contact.has_reply = reply ~= ''
  contact.owner = agent and agent.number or 0
  contact.state = agent and OPENED or UNASSIGNED
  contact.outcome, contact.agent, contact.choice = outcome, contact.owner, choice and choice.number or 0
  contact.revision, contact.sequence, contact.time, contact.request = revision, sequence, now, request
  save_contact(contact, retention)
  return answer(outcome, agent and agent.id or '', text, revision, sequence, now, 0, reply)
end

local answers = {}
for at = 4, #ARGV, FIELDS do
  answers[#answers + 1] = decide(unpack(ARGV, at, at + FIELDS - 1))
end
return answers
