-- Agents, and where they stand in their pools. A pool has one rotation: a clock, and a turn for each member. A
-- view of it is the sorted set of those eligible under one strategy, presence and limit. Its members are made of
-- what breaks ties, so that Redis sorts them the right way: last assignment, position, then the agent's number.

local MEMBER = '>I5I4I4'
local TURN_RECORD = '>dI2I5I4'  -- virtual time, rest of a turn, last assignment, position
local ONLINE = '1'

local function load_agent(number)
  local id, name, weight, limit, enabled, presence, open, pools = unpack(redis.call('HMGET', KEYS[1] .. AGENT .. number,
    'id', 'name', 'weight', 'limit', 'enabled', 'presence', 'open', 'pools'))
  return {
    number = number,
    id = id,
    name = name,
    weight = tonumber(weight),
    limit = tonumber(limit),
    enabled = enabled == '1',
    online = presence == ONLINE,
    open = tonumber(open) or 0,
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
  return tonumber(redis.call('HGET', KEYS[1] .. CLOCK, pool) or 0)
end

local function load_turn(pool, number)
  local packed = redis.call('HGET', KEYS[1] .. TURNS .. pool, number)
  local turn = {}
  turn.time, turn.rest, turn.last, turn.position = struct.unpack(TURN_RECORD, packed)
  return turn
end

local function save_turn(pool, number, turn)
  redis.call('HSET', KEYS[1] .. TURNS .. pool, number,
    struct.pack(TURN_RECORD, turn.time, turn.rest, turn.last, turn.position))
end

local function member_of(number, turn)
  return struct.pack(MEMBER, turn.last, turn.position, number)
end

local function is_eligible(agent, view, open)
  return agent.enabled
    and (view[3] == 0 or agent.online)
    and (agent.limit == 0 or open < agent.limit)
    and (view[4] == 0 or open < view[4])
end

-- Puts the agent where it belongs in the view, or takes it out.
local function place(agent, view, turn, clock)
  if is_eligible(agent, view, agent.open) then
    redis.call('ZADD', KEYS[1] .. VIEW .. view[1], STRATEGIES[view[2]].score(agent, turn, clock), member_of(agent.number, turn))
  else
    redis.call('ZREM', KEYS[1] .. VIEW .. view[1], member_of(agent.number, turn))
  end
end

-- Puts the agent where it belongs in all its views, after its presence or settings changed.
local function place_everywhere(agent)
  for _, entry in ipairs(agent.pools) do
    local pool, views = entry[1], entry[2]
    local turn = #views > 0 and load_turn(pool, agent.number)
    for _, view in ipairs(views) do
      place(agent, view, turn, clock_of(pool))
    end
  end
end

-- Changes the agent's open count by one, and what depends on it in every pool but `except`.
local function change_open(agent, by, except)
  local before = agent.open
  agent.open = before + by
  redis.call('HSET', KEYS[1] .. AGENT .. agent.number, 'open', agent.open)
  for _, entry in ipairs(agent.pools) do
    local pool, turn = entry[1], nil
    for _, view in ipairs(pool ~= except and entry[2] or {}) do
      local eligible = is_eligible(agent, view, agent.open)
      if eligible ~= is_eligible(agent, view, before) or (eligible and STRATEGIES[view[2]].follows_open_count) then
        turn = turn or load_turn(pool, agent.number)
        place(agent, view, turn, clock_of(pool))
      end
    end
  end
end

-- Gives the owner's place back, or takes one, when a contact's state or owner changes.
local function release(number)
  change_open(load_agent(number), -1)
end

local function occupy(number)
  change_open(load_agent(number), 1)
end
