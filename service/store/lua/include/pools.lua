-- Agents, and where they stand in their pools. A pool has one rotation: a clock, and a turn for each member. A
-- view of it is the sorted set of those eligible under one strategy, presence and limit. Its members are made of
-- what breaks ties, so that Redis sorts them the right way: last assignment, position, then the agent's number.

local MEMBER = '>I5I4I4'
local TURN_RECORD = '>dI2I5I4I5'  -- virtual time, rest of a turn, last assignment, position, times assigned
local ONLINE = '1'

-- Scripts that change many agents stop after so many agents and places, and are called again: some milliseconds in
-- which Redis serves nobody else.
local WORK_A_RUN = 100
local work = 0

local function unpack_turn(packed)
  local turn = {}
  turn.time, turn.rest, turn.last, turn.position, turn.assigned = struct.unpack(TURN_RECORD, packed)
  return turn
end

local function pack_turn(turn)
  return struct.pack(TURN_RECORD, turn.time, turn.rest, turn.last, turn.position, turn.assigned)
end

-- The agent with this number; with its turn in `pool`, if one is named.
local function load_agent(number, pool)
  local id, name, weight, limit, enabled, presence, open, pools, turn = unpack(redis.call('HMGET',
    KEYS[1] .. AGENT .. number, 'id', 'name', 'weight', 'limit', 'enabled', 'presence', 'open', 'pools',
    'turn:' .. (pool or '')))
  return {
    number = number,
    id = id,
    name = name,
    weight = tonumber(weight),
    limit = tonumber(limit),
    enabled = enabled == '1',
    online = presence == ONLINE,
    open = tonumber(open) or 0,
    turn = turn and unpack_turn(turn),
    -- { {pool, { {name of the view, strategy, online only (0 or 1), limit}, ... }}, ... }
    pools = pools and cmsgpack.unpack(pools) or {},
  }
end

-- The number of the agent with this id, given on first sight: an owner need not be in the roster.
local function number_of_agent(id)
  local number = redis.call('HGET', KEYS[1] .. NUMBERS, id)
  if not number then
    number = redis.call('HINCRBY', KEYS[1], 'agents', 1)
    redis.call('HSET', KEYS[1] .. NUMBERS, id, number)
    redis.call('HSET', KEYS[1] .. AGENT .. number, 'id', id)
  end
  return tonumber(number)
end

local function clock_of(pool)
  return tonumber(redis.call('HGET', KEYS[1], 'clock:' .. pool) or 0)
end

local function turn_of(agent, pool)
  return unpack_turn(redis.call('HGET', KEYS[1] .. AGENT .. agent.number, 'turn:' .. pool))
end

local function member_of(agent, turn)
  return struct.pack(MEMBER, turn.last, turn.position, agent.number)
end

local function is_eligible(agent, view, open)
  return agent.enabled
    and (view[3] == 0 or agent.online)
    and (agent.limit == 0 or open < agent.limit)
    and (view[4] == 0 or open < view[4])
end

-- Puts the agent where it belongs in the view, or takes it out.
local function place(agent, view, turn, clock)
  local key, member = KEYS[1] .. VIEW .. view[1], member_of(agent, turn)
  if is_eligible(agent, view, agent.open) then
    redis.call('ZADD', key, STRATEGIES[view[2]].score(agent, turn, clock), member)
  else
    redis.call('ZREM', key, member)
  end
end

-- Puts the agent where it belongs in all its views, after its presence or settings changed.
local function place_everywhere(agent)
  for _, entry in ipairs(agent.pools) do
    local pool, views = entry[1], entry[2]
    if #views > 0 then
      local turn, clock = turn_of(agent, pool), clock_of(pool)
      for _, view in ipairs(views) do
        place(agent, view, turn, clock)
      end
      work = work + #views
    end
  end
end

-- Puts the agent where it belongs in every pool but `except`, after its open count changed from `before`.
local function follow_open_count(agent, before, except)
  for _, entry in ipairs(agent.pools) do
    local pool, turn = entry[1], nil
    if pool ~= except then
      for _, view in ipairs(entry[2]) do
        local eligible = is_eligible(agent, view, agent.open)
        if eligible ~= is_eligible(agent, view, before) or (eligible and STRATEGIES[view[2]].follows_open_count) then
          turn = turn or turn_of(agent, pool)
          place(agent, view, turn, clock_of(pool))
        end
      end
    end
  end
end

local function change_open(number, by)
  local agent = load_agent(number)
  local before = agent.open
  agent.open = before + by
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'open', agent.open)
  follow_open_count(agent, before)
end

-- Gives the owner's place back, or takes one, when a contact's state or owner changes.
local function release(number)
  change_open(number, -1)
end

local function occupy(number)
  change_open(number, 1)
end
