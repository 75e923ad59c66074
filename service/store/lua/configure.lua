-- Puts a rule set or a roster in force, and everything that follows from it: numbers, settings, pools, views.
-- Rotations, open counts and presences are kept. Takes time in proportion to agents and places in pools, which
-- the contract bounds at 10,000 and 200,000.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  revision of the rules this was prepared under
-- ARGV[2]  revision of the roster this was prepared under
-- ARGV[3]  'rules' or 'roster': which of the two is new
-- ARGV[4]  the serialized rule set or roster
-- ARGV[5]  1 if closing a contact takes its owner away
-- ARGV[6]  the plan, as JSON: {
--            agents: [[id, name, weight, limit, enabled (1 or 0)], ...],
--            pools: [[pool, pool whose rotation it carries on if it is new ('' = none), [index in agents, ...],
--                     [[name of the view, strategy, online only (1 or 0), limit], ...]], ...] }
--
-- Returns  the new revision of what was put in force; 0 if one of the two changed meanwhile: nothing was done

--- @include "strategies"
--- @include "pools"

local CHUNK = 2000  -- arguments to one command

if (redis.call('HGET', KEYS[1], 'revision') or '0') ~= ARGV[1]
  or (redis.call('HGET', KEYS[1], 'roster_revision') or '0') ~= ARGV[2] then
  return 0
end

local plan = cjson.decode(ARGV[6])

local function call_in_chunks(command, key, arguments)
  for at = 1, #arguments, CHUNK do
    redis.call(command, key, unpack(arguments, at, math.min(at + CHUNK - 1, #arguments)))
  end
end

-- Everyone is in the pool `*`, so its members are the roster until now.
local function forget_who_left(roster)
  for _, number in ipairs(redis.call('HKEYS', KEYS[1] .. TURNS .. '*')) do
    if not roster[tonumber(number)] then
      redis.call('HDEL', KEYS[1] .. AGENT .. number, 'name', 'weight', 'limit', 'enabled', 'presence', 'pools')
      redis.call('ZREM', KEYS[1] .. LEASES, number)
    end
  end
end

local function save_agents(agents)
  local roster = {}
  for at, settings in ipairs(plan.agents) do
    local number = number_of_agent(settings[1])
    local agent = load_agent(number)
    agent.weight, agent.limit, agent.enabled = settings[3], settings[4], settings[5] == 1
    agent.pools = {}
    agents[at], roster[number] = agent, true
    redis.call('HSET', KEYS[1] .. AGENT .. number, 'name', settings[2], 'weight', agent.weight, 'limit', agent.limit,
      'enabled', settings[5])
  end
  forget_who_left(roster)
end

-- The members' turns as they were: of the pool itself, or, if it is new, of the one it carries on.
local function turns_until_now(pool, predecessor)
  local source = pool
  if predecessor ~= '' and redis.call('EXISTS', KEYS[1] .. TURNS .. pool) == 0 then
    source = predecessor
    local clock = redis.call('HGET', KEYS[1] .. CLOCK, source)
    if clock then
      redis.call('HSET', KEYS[1] .. CLOCK, pool, clock)
    end
  end
  local turns, flat = {}, redis.call('HGETALL', KEYS[1] .. TURNS .. source)
  for i = 1, #flat, 2 do
    local turn = {}
    turn.time, turn.rest, turn.last = struct.unpack(TURN_RECORD, flat[i + 1])
    turns[tonumber(flat[i])] = turn
  end
  return turns
end

local function save_pool(pool, predecessor, members, views, agents)
  local before = turns_until_now(pool, predecessor)
  local clock = clock_of(pool)
  local turns, standings = {}, {}
  for _, view in ipairs(views) do
    standings[view] = {}
  end
  for position, at in ipairs(members) do
    local agent = agents[at]
    local turn = before[agent.number] or {time = 0, rest = 0, last = 0}
    turn.position, turn.rest = position, turn.rest % agent.weight
    turns[#turns + 1] = agent.number
    turns[#turns + 1] = struct.pack(TURN_RECORD, turn.time, turn.rest, turn.last, turn.position)
    agent.pools[#agent.pools + 1] = {pool, views}
    for view, standing in pairs(standings) do
      if is_eligible(agent, view, agent.open) then
        standing[#standing + 1] = STRATEGIES[view[2]].score(agent, turn, clock)
        standing[#standing + 1] = member_of(agent.number, turn)
      end
    end
  end
  redis.call('DEL', KEYS[1] .. TURNS .. pool)
  call_in_chunks('HSET', KEYS[1] .. TURNS .. pool, turns)
  for view, standing in pairs(standings) do
    call_in_chunks('ZADD', KEYS[1] .. VIEW .. view[1], standing)
  end
end

local function drop_views(pools)
  for _, entry in ipairs(pools) do
    for _, view in ipairs(entry[2]) do
      redis.call('DEL', KEYS[1] .. VIEW .. view[1])
    end
  end
end

local function drop_pools(pools, kept)
  for _, entry in ipairs(pools) do
    if not kept[entry[1]] then
      redis.call('DEL', KEYS[1] .. TURNS .. entry[1])
      redis.call('HDEL', KEYS[1] .. CLOCK, entry[1])
    end
  end
end

local packed = redis.call('HGET', KEYS[1], 'pools')
local pools_until_now = packed and cmsgpack.unpack(packed) or {}
drop_views(pools_until_now)

local agents, pools, kept = {}, {}, {}
save_agents(agents)
for at, entry in ipairs(plan.pools) do
  save_pool(entry[1], entry[2], entry[3], entry[4], agents)
  pools[at], kept[entry[1]] = {entry[1], entry[4]}, true
end
for _, agent in ipairs(agents) do
  redis.call('HSET', KEYS[1] .. AGENT .. agent.number, 'pools', cmsgpack.pack(agent.pools))
end
drop_pools(pools_until_now, kept)

redis.call('SET', KEYS[1] .. (ARGV[3] == 'rules' and RULES or ROSTER), ARGV[4])
redis.call('HSET', KEYS[1], 'pools', cmsgpack.pack(pools), 'unassign_on_close', ARGV[5])
return redis.call('HINCRBY', KEYS[1], ARGV[3] == 'rules' and 'revision' or 'roster_revision', 1)
