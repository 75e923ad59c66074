-- Agents, and where they stand in their pools. A view of a pool is the sorted set of those eligible under one strategy
-- and what the rule asks for. Its members are made of what breaks ties, so that Redis sorts them the right way: last
-- assignment, position, then the agent's number. An agent has a turn in each of its pools, and in it a virtual time for
-- each of the pool's views (rotation.py says what that is).

local MEMBER = '>I5I4I4'
local ONLINE = '1'

-- Scripts that change many agents stop after so many agents and places, and are called again: some milliseconds in
-- which Redis serves nobody else.
local WORK_A_RUN = 100
local work = 0

-- {rest = rest of a turn that did not divide, last = sequence of the last assignment, position =, assigned = how often,
--  times = virtual times in the pool's views, in their order}
local function unpack_turn(packed)
  return cmsgpack.unpack(packed)
end

local function save_turn(agent, pool, turn)
  redis.call('HSET', KEYS[1] .. AGENT .. agent.number, 'turn:' .. pool, cmsgpack.pack(turn))
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
    -- { {pool =, views = { {name =, strategy =, and what it asks for by name}, ... }}, ... }
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

local function turn_of(agent, pool)
  return unpack_turn(redis.call('HGET', KEYS[1] .. AGENT .. agent.number, 'turn:' .. pool))
end

local function member_of(agent, turn)
  return struct.pack(MEMBER, turn.last, turn.position, agent.number)
end

-- What is eligible: the one place that says it.
local function is_eligible(agent, view, online, open)
  return agent.enabled
    and (online or not view.online_only)
    and (agent.limit == 0 or open < agent.limit)
    and (not view.max_open_contacts or open < view.max_open_contacts)
end

-- The least virtual time in a view; where it is empty, that of when it became empty.
local function least_time(name)
  local first = redis.call('ZRANGE', KEYS[1] .. VIEW .. name, 0, 0, 'WITHSCORES')[2]
  return tonumber(first or redis.call('HGET', KEYS[1] .. EMPTIED, name) or 0)
end

-- Notes the time of the last one to leave a view.
local function note_if_empty(view, time)
  if STRATEGIES[view.strategy].by_time and redis.call('EXISTS', KEYS[1] .. VIEW .. view.name) == 0 then
    redis.call('HSET', KEYS[1] .. EMPTIED, view.name, time)
  end
end

-- Moves an agent to where it now belongs in a view of its pool, the one at `at` among them: in, out, or elsewhere.
-- Everything in which an agent becomes eligible comes through here.
-- was      whether the agent was eligible
-- member   as which the view may still have it (nil: it does not)
-- Returns whether the agent's time was lifted, so that its turn is to be saved.
local function move(agent, view, turn, at, was, member)
  local key, strategy = KEYS[1] .. VIEW .. view.name, STRATEGIES[view.strategy]
  if is_eligible(agent, view, agent.online, agent.open) then
    local lifted = false
    if not was and strategy.by_time then
      local least = least_time(view.name)
      lifted = least > turn.times[at]
      turn.times[at] = math.max(turn.times[at], least)
    end
    local now = member_of(agent, turn)
    if member and member ~= now then
      redis.call('ZREM', key, member)
    end
    redis.call('ZADD', key, strategy.score(agent, turn.times[at]), now)
    return lifted
  end
  if member then
    redis.call('ZREM', key, member)
  end
  if was then
    note_if_empty(view, turn.times[at])
  end
  return false
end

-- Puts the agent where it belongs in all its pools but `except`, after it was online, and had so many contacts open.
local function follow(agent, was_online, was_open, except)
  for _, place in ipairs(agent.pools) do
    if place.pool ~= except then
      local turn, lifted = nil, false
      for at, view in ipairs(place.views) do
        local was = is_eligible(agent, view, was_online, was_open)
        local is = is_eligible(agent, view, agent.online, agent.open)
        if was ~= is or (is and was_open ~= agent.open and STRATEGIES[view.strategy].follows_open_count) then
          turn = turn or turn_of(agent, place.pool)
          lifted = move(agent, view, turn, at, was, was and member_of(agent, turn)) or lifted
        end
      end
      if lifted then
        save_turn(agent, place.pool, turn)
      end
      work = work + #place.views
    end
  end
end

-- Takes the agent out of all its views. Returns its turns by pool, and by view its time, and whether it was in there.
local function withdraw(agent)
  local turns, times, was = {}, {}, {}
  for _, place in ipairs(agent.pools) do
    local turn = turn_of(agent, place.pool)
    turns[place.pool] = turn
    for at, view in ipairs(place.views) do
      was[view.name] = redis.call('ZREM', KEYS[1] .. VIEW .. view.name, member_of(agent, turn)) == 1
      times[view.name] = turn.times[at]
      if was[view.name] then
        note_if_empty(view, turn.times[at])
      end
    end
  end
  return turns, times, was
end

local function change_open(number, by)
  local agent = load_agent(number)
  local before = agent.open
  agent.open = before + by
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'open', agent.open)
  follow(agent, agent.online, before)
end

-- Gives the owner's place back, or takes one, when a contact's state or owner changes.
local function release(number)
  change_open(number, -1)
end

local function occupy(number)
  change_open(number, 1)
end
