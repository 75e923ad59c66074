-- Puts one chunk of a new configuration in place: agents with their settings and their places in pools. Rotations,
-- open counts and presences are kept. Whoever finds a configuration unbuilt runs this until nothing is left.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- A chunk, as JSON, has one of these, or `agents` with `pools`: {
--   carried: [[new view, view whose virtual times it carries on], ...],
--   agents: [{id, name, weight, limit, enabled, places: [{pool, position}, ...]}, ...],
--   pools: {pool: {
--     predecessor: pool whose turns it carries on if it is new ('' = none),
--     views: [{name, strategy, and what it asks for}, ...],
--     new: {view that is new: the view whose virtual times it carries on ('' = none), ...}}, ...},
--   gone: [agent id, ...],
--   dropped: [view, ...] }
--
-- Returns  how many chunks are left

--- @include "strategies"
--- @include "pools"
--- @include "leases"

-- Puts the agent in its place in one pool, as it was in the same one or in the one that this carries on.
local function join(agent, place, pool, before, times, was)
  local turn = {rest = before.rest % agent.weight, last = before.last, position = place.position,
    assigned = before.assigned, times = {}}
  for at, view in ipairs(pool.views) do
    local followed = pool.new[view.name]
    turn.times[at] = times[followed or view.name] or 0
    if not followed then
      move(agent, view, turn, at, was[view.name])
    elseif is_eligible(agent, view, agent.online, agent.open) then
      -- All come into a new view at the same moment: they are lifted to what it carries on, and not by one another.
      if not was[followed] then
        turn.times[at] = math.max(turn.times[at], tonumber(redis.call('HGET', KEYS[1] .. EMPTIED, view.name) or 0))
      end
      move(agent, view, turn, at, true)
    end
  end
  save_turn(agent, place.pool, turn)
end

local function settle(planned, pools)
  local agent = load_agent(number_of_agent(planned.id))
  local turns, times, was = withdraw(agent)
  local key = KEYS[1] .. AGENT .. agent.number
  for pool in pairs(turns) do
    redis.call('HDEL', key, 'turn:' .. pool)
  end
  agent.weight, agent.limit, agent.enabled, agent.pools = planned.weight, planned.limit, planned.enabled, {}
  for at, place in ipairs(planned.places) do
    local pool = pools[place.pool]
    agent.pools[at] = {pool = place.pool, views = pool.views}
    local before = turns[place.pool] or turns[pool.predecessor] or {rest = 0, last = 0, assigned = 0}
    join(agent, place, pool, before, times, was)
  end
  redis.call('HSET', key, 'name', planned.name, 'weight', agent.weight, 'limit', agent.limit,
    'enabled', agent.enabled and 1 or 0, 'pools', cmsgpack.pack(agent.pools))
end

local function forget(id)
  local agent = load_agent(number_of_agent(id))
  agent.enabled = false
  for pool, turn in pairs(withdraw(agent)) do
    redis.call('HDEL', KEYS[1] .. AGENT .. agent.number, 'turn:' .. pool)
  end
  redis.call('HDEL', KEYS[1] .. AGENT .. agent.number, 'name', 'weight', 'limit', 'enabled', 'presence', 'pools')
  redis.call('ZREM', KEYS[1] .. LEASES, agent.number)
end

local chunk = redis.call('LPOP', KEYS[1] .. PLAN)
if chunk then
  chunk = cjson.decode(chunk)
  for _, entry in ipairs(chunk.carried or {}) do
    redis.call('HSET', KEYS[1] .. EMPTIED, entry[1], least_time(entry[2]))
  end
  for _, planned in ipairs(chunk.agents or {}) do
    settle(planned, chunk.pools)
  end
  for _, id in ipairs(chunk.gone or {}) do
    forget(id)
  end
  for _, view in ipairs(chunk.dropped or {}) do
    redis.call('HDEL', KEYS[1] .. EMPTIED, view)
  end
  if chunk.gone then
    note_first_lease()
  end
end
local left = redis.call('LLEN', KEYS[1] .. PLAN)
if left == 0 then
  redis.call('HDEL', KEYS[1], 'building')
end
return left
