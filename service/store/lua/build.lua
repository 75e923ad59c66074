-- Puts one piece of a new configuration in place: agents with their settings and their places in pools. Rotations,
-- open counts and presences are kept. Whoever finds a configuration unbuilt runs this until nothing is left.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- A piece, as JSON: {
--   clocks: [[new pool, pool whose rotation it carries on], ...],
--   agents: [[id, name, weight, limit, enabled (1 or 0),
--             [[pool, position, pool whose turn it carries on if it is new ('' = none),
--               [[name of the view, strategy, online only (1 or 0), limit], ...]], ...]], ...],
--   gone: [agent id, ...],
--   dropped: [pool, ...] }
--
-- Returns  how many pieces are left

--- @include "strategies"
--- @include "pools"
--- @include "leases"

-- Takes the agent out of all its views, and its turns out of its hash. Returns the turns by pool.
local function withdraw(agent)
  local turns = {}
  for _, entry in ipairs(agent.pools) do
    local pool = entry[1]
    local turn = turn_of(agent, pool)
    for _, view in ipairs(entry[2]) do
      redis.call('ZREM', KEYS[1] .. VIEW .. view[1], member_of(agent, turn))
    end
    redis.call('HDEL', KEYS[1] .. AGENT .. agent.number, 'turn:' .. pool)
    turns[pool] = turn
  end
  return turns
end

local function settle(id, name, weight, limit, enabled, places)
  local agent = load_agent(number_of_agent(id))
  local turns = withdraw(agent)
  local key = KEYS[1] .. AGENT .. agent.number
  agent.weight, agent.limit, agent.enabled, agent.pools = weight, limit, enabled == 1, {}
  for at, entry in ipairs(places) do
    local pool, position, predecessor, views = unpack(entry)
    local before = turns[pool] or turns[predecessor] or {time = 0, rest = 0, last = 0, assigned = 0}
    local turn = {time = before.time, rest = before.rest % weight, last = before.last, position = position,
      assigned = before.assigned}
    redis.call('HSET', key, 'turn:' .. pool, pack_turn(turn))
    agent.pools[at] = {pool, views}
  end
  redis.call('HSET', key, 'name', name, 'weight', weight, 'limit', limit, 'enabled', enabled,
    'pools', cmsgpack.pack(agent.pools))
  place_everywhere(agent)
end

local function forget(id)
  local agent = load_agent(number_of_agent(id))
  withdraw(agent)
  redis.call('HDEL', KEYS[1] .. AGENT .. agent.number, 'name', 'weight', 'limit', 'enabled', 'presence', 'pools')
  redis.call('ZREM', KEYS[1] .. LEASES, agent.number)
end

local piece = redis.call('LPOP', KEYS[1] .. PLAN)
if piece then
  piece = cjson.decode(piece)
  for _, entry in ipairs(piece.clocks) do
    local clock = redis.call('HGET', KEYS[1], 'clock:' .. entry[2])
    if clock then
      redis.call('HSETNX', KEYS[1], 'clock:' .. entry[1], clock)
    end
  end
  for _, entry in ipairs(piece.agents) do
    settle(unpack(entry))
  end
  for _, id in ipairs(piece.gone) do
    forget(id)
  end
  for _, pool in ipairs(piece.dropped) do
    redis.call('HDEL', KEYS[1], 'clock:' .. pool)
  end
  if #piece.gone > 0 then
    note_first_lease()
  end
end
local left = redis.call('LLEN', KEYS[1] .. PLAN)
if left == 0 then
  redis.call('HDEL', KEYS[1], 'building')
end
return left
