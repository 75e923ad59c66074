-- Puts one chunk of a new configuration in place: agents with their settings and their places in pools. Rotations,
-- open counts and presences are kept. Whoever finds a configuration unbuilt runs this until nothing is left.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- A chunk, as JSON, has one of these, or `agents` with `pools`: {
--   carried: [[new view, view whose virtual times it carries on], ...],
--   agents: [{id, name, weight, limit, enabled, positions: {pool: position, ...}}, ...],
--   pools: {pool: {
--     predecessor: pool whose turns it carries on if it is new ('' = none),
--     views: [{name, strategy, and what it asks for}, ...],
--     new: {view that is new: the view whose virtual times it carries on ('' = none), ...}}, ...},
--   gone: [agent id, ...],
--   dropped: [view, ...] }
--
-- Returns  how many chunks are left

--- @include "views"
--- @include "leases"

-- Puts the agent in its place in one pool, as it was in the same one or in the one that this carries on.
local function join(agent, pool, planned, before, times, was)
  local turn = {rest = before.rest % agent.settings.weight, last = before.last, assigned = before.assigned, times = {}}
  local member = member_of(agent, pool, turn)
  for at, view in ipairs(planned.views) do
    local followed = planned.new[view.name]
    turn.times[at] = times[followed or view.name] or 0
    if not followed then
      move(agent, view, turn.times, at, was[view.name], nil, member)
    elseif is_eligible(agent.settings, view, agent.online, agent.open) then
      -- All come into a new view at the same moment: they are lifted to what it carries on, and not by one another.
      if not was[followed] then
        turn.times[at] = math.max(turn.times[at], tonumber(call('HGET', root .. EMPTIED, view.name) or 0))
      end
      move(agent, view, turn.times, at, true, nil, member)
    end
  end
  save_turn(agent, pool, turn)
end

-- Takes the agent out of all its pools, and notes its last assignment in any. Returns the same as `withdraw`.
local function leave(agent)
  local key = agent.key
  local last = tonumber(call('HGET', key, 'last') or 0)
  local turns, times, was = withdraw(agent)
  for pool, turn in pairs(turns) do
    last = math.max(last, turn.last)
    call('HDEL', key, 'turn:' .. pool)
  end
  if last > 0 then
    call('HSET', key, 'last', last)
  end
  return turns, times, was
end

local function settle(planned, pools)
  local agent = load_agent(number_of_agent(planned.id))
  local turns, times, was = leave(agent)
  agent.settings = {id = planned.id, name = planned.name, weight = planned.weight, limit = planned.limit,
    enabled = planned.enabled, pools = {}}
  for pool, position in pairs(planned.positions) do
    agent.settings.pools[pool] = {position = position, views = pools[pool].views}
    for _, view in ipairs(pools[pool].views) do
      agent.settings.follows_assignments = agent.settings.follows_assignments
        or STRATEGIES[view.strategy].follows_assignments
    end
  end
  for pool in pairs(planned.positions) do
    local before = turns[pool] or turns[pools[pool].predecessor] or {rest = 0, last = 0, assigned = 0}
    join(agent, pool, pools[pool], before, times, was)
  end
  call('HSET', agent.key, 'settings', cmsgpack.pack(agent.settings))
end

local function forget(id)
  local agent = load_agent(number_of_agent(id))
  leave(agent)
  call('HDEL', agent.key, 'settings', 'presence')
  call('ZREM', root .. LEASES, agent.number)
end

local function put_in_place(chunk)
  for _, entry in ipairs(chunk.carried or {}) do
    call('HSET', root .. EMPTIED, entry[1], least_time(entry[2]))
  end
  for _, planned in ipairs(chunk.agents or {}) do
    settle(planned, chunk.pools)
  end
  for _, id in ipairs(chunk.gone or {}) do
    forget(id)
  end
  for _, view in ipairs(chunk.dropped or {}) do
    call('HDEL', root .. EMPTIED, view)
  end
  if chunk.gone then
    note_first_lease()
  end
end

return function()
  local chunk = call('LPOP', root .. PLAN)
  if chunk then
    put_in_place(cjson.decode(chunk))
  end
  local left = call('LLEN', root .. PLAN)
  if left == 0 then
    call('HDEL', root, 'building')
  end
  return left
end
