-- Decides about contacts, one after another, each as a whole: claims the contact, chooses the agent, moves the
-- rotation, counts, and records the decision.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  revision of the rules the caller prepared this under
-- ARGV[2]  how long the record of a contact without an open conversation is kept (ms)
-- ARGV[3]  how long a replay is kept (ms)
-- then, for each contact, FIELDS arguments:
--   contact id, its bucket, owner id as the caller knows it ('' = nobody), 1 if its conversation was opened,
--   request id ('' = none); then whom the rules chose: pool ('' = no rule matched), name of the view, strategy,
--   reason; and the reply ('' = none), in which SEPARATOR stands for the agent's name
--
-- Returns  {'STALE'}            the rules have another revision now: nothing was decided
--          {'LEASES'}           presence leases have ended: nothing was decided, expire them first
--          {answer, ...}        one for each contact; fewer if the run grew too long: call again with the rest

--- @include "strategies"
--- @include "records"
--- @include "pools"
--- @include "leases"

local FIELDS = 10
local retention, replay_retention = ARGV[2], ARGV[3]

local state = redis.call('HMGET', KEYS[1], 'revision', 'building', 'lease')
if state[2] then
  return redis.error_reply('BUILDING')
end
if (state[1] or '0') ~= ARGV[1] then
  return {'STALE'}
end
local now = now_ms()
if state[3] and tonumber(state[3]) <= now then
  return {'LEASES'}
end
local revision = tonumber(ARGV[1])

-- The earlier decision for this request id, if there was one.
local function replay(contact, request)
  if contact.request == request and contact.outcome ~= 0 then
    return answer(contact.outcome, id_of_agent(contact.agent), reason_of_number(contact.reason), contact.revision,
      contact.sequence, contact.time, 1, reply_of(contact))
  end
  local packed = redis.call('GET', KEYS[1] .. REPLAY .. contact.id .. SEPARATOR .. request)
  if packed then
    local outcome, agent, reason, under, sequence, time, rest = struct.unpack(DECISION, packed)
    return answer(outcome, id_of_agent(agent), reason_of_number(reason), under, sequence, time, 1, string.sub(packed, rest))
  end
end

local function remember(contact, request, outcome, agent, reason, under, sequence, time, reply)
  redis.call('SET', KEYS[1] .. REPLAY .. contact.id .. SEPARATOR .. request,
    struct.pack(DECISION, outcome, agent, reason, under, sequence, time) .. reply, 'PX', replay_retention)
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

-- Chooses the first of the view and moves the pool's rotation on. Returns the agent (nil: nobody is eligible), and
-- whether to call again.
local function choose(pool, view_name, strategy, sequence)
  local clock = clock_of(pool)
  local chosen, again, others = strategy.pick(KEYS[1] .. VIEW .. view_name, clock)
  if not chosen then
    return nil, again
  end
  local _, _, number = struct.unpack(MEMBER, chosen)
  local agent = load_agent(number, pool)
  local turn, before = agent.turn, agent.open
  local moved = strategy.advance(agent, turn, clock, others)
  if moved ~= clock then
    redis.call('HSET', KEYS[1], 'clock:' .. pool, string.format('%.0f', moved))
  end
  turn.last, turn.assigned, agent.open = sequence, turn.assigned + 1, before + 1
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'open', agent.open, 'turn:' .. pool, pack_turn(turn))
  for _, entry in ipairs(agent.pools) do
    if entry[1] == pool then
      for _, view in ipairs(entry[2]) do
        redis.call('ZREM', KEYS[1] .. VIEW .. view[1], chosen)
        if is_eligible(agent, view, agent.open) then
          place(agent, view, turn, moved)
        end
      end
    end
  end
  follow_open_count(agent, before, pool)
  return agent
end

local function decide(id, bucket, owner_id, opened, request, pool, view, strategy, reason, reply)
  local contact = load_contact(id, bucket)
  local earlier = request ~= '' and contact.place and replay(contact, request)
  if earlier then
    return earlier
  end
  if owner_id ~= '' or contact.owner ~= 0 then
    return keep_owner(contact, owner_id, opened == '1', request)
  end
  local sequence = next_sequence()
  local outcome, agent, again = NO_RULE_MATCHED, nil, nil
  if pool ~= '' then
    agent, again = choose(pool, view, STRATEGIES[tonumber(strategy)], sequence)
    if again then
      return nil
    end
    outcome = agent and ASSIGNED or NO_AGENT_AVAILABLE
  end
  if contact.request ~= '' then
    remember(contact, contact.request, contact.outcome, contact.agent, contact.reason, contact.revision,
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
  contact.outcome, contact.agent, contact.reason = outcome, contact.owner, reason ~= '' and number_of_reason(reason) or 0
  contact.revision, contact.sequence, contact.time, contact.request = revision, sequence, now, request
  save_contact(contact, retention)
  return answer(outcome, agent and agent.id or '', reason, revision, sequence, now, 0, reply)
end

local answers = {}
for at = 4, #ARGV, FIELDS do
  local decided = decide(unpack(ARGV, at, at + FIELDS - 1))
  if not decided then
    break
  end
  answers[#answers + 1] = decided
end
return answers
