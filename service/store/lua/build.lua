-- Puts one chunk of a new configuration in place: agents with their settings and their places in pools. Rotations,
-- open counts and presences are kept. Whoever finds a configuration unbuilt runs this until nothing is left.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- A chunk is one of a roster (see roster_writes.lua) or, as JSON, has one of these, some of them with `pools`: {
--   carried: [[new view, view whose virtual times it carries on], ...],
--   agents: [{id, name, weight, limit, enabled, positions: {pool: position, ...}}, ...],
--   pools: {pool: {
--     predecessor: pool whose turns it carries on if it is new ('' = none),
--     views: [{name, strategy, and what it asks for}, ...],
--     new: {view that is new: the view whose virtual times it carries on ('' = none), ...}}, ...},
--   adjusted: [{id, name, weight, limit, enabled}, ...],                              whose places stay
--   moved: [{id, positions: {pool: position (0: leaves it), ...}}, ...],              whose other places stay
--   gone: [agent id, ...],
--   dropped: [view, ...] }
--
-- Where the plan is lost, so are parts of a roster that the agents' states may be ahead of: it is to be configured again.
--
-- Returns  how many chunks are left

--- @include "views"
--- @include "leases"
--- @include "roster_writes"
--- @include "teams"

local NO_TURN = {rest = 0, last = 0}

-- Puts the agent in its place in one pool, as it was in the same one or in the one that this carries on; how often it
-- was assigned counts on where it stood in this one.
local function join(agent, pool, planned, before, times, was)
  local turn = {rest = before.rest % agent.settings.weight, last = before.last, assigned = agent.former[pool] or 0,
    times = {}}
  agent.former[pool] = nil
  local member = member_of(agent, pool, turn)
  for at, view in ipairs(planned.views) do
    -- Of a view that is said to be new it may be in, where rules were lost that had it: then it carries itself on.
    local followed = not times[view.name] and planned.new[view.name] or nil
    turn.times[at] = times[followed or view.name] or 0
    if not followed then
      move(agent, view, turn.times, at, was[view.name], nil, member)
    elseif is_eligible(agent.settings, view, agent.online, agent.open) then
      -- All come into a new view at the same moment: they are lifted to what it carries on, and not by one another.
      if not was[followed] then
        turn.times[at] = math.max(turn.times[at], floor_of(view.name))
      end
      move(agent, view, turn.times, at, true, nil, member)
    end
  end
  save_turn(agent, pool, turn)
end

-- Takes the agent out of some pools, and notes its last assignment in any. Takes and returns the same as `withdraw`.
-- How often the agent was assigned in pools that it is in no more is kept (`agent.former`): what metrics show as counters
-- never begins anew.
local function leave(agent, some)
  local key = agent.key
  local former = call('HGET', key, 'former')
  agent.former = former and cmsgpack.unpack(former) or {}
  local last = tonumber(call('HGET', key, 'last') or 0)
  local turns, times, was = withdraw(agent, some)
  for pool, turn in pairs(turns) do
    last = math.max(last, turn.last)
    agent.former[pool] = turn.assigned > 0 and turn.assigned or nil
    call('HDEL', key, 'turn:' .. pool)
  end
  if last > 0 then
    call('HSET', key, 'last', last)
  end
  return turns, times, was
end

local function save_former(agent)
  if next(agent.former) then
    call('HSET', agent.key, 'former', cmsgpack.pack(agent.former))
  else
    call('HDEL', agent.key, 'former')
  end
end

local function save(agent)
  call('HSET', agent.key, 'settings', cmsgpack.pack(agent.settings))
  save_former(agent)
end

-- Whether the strategy of a view of one of these pools does.
local function follows_assignments(pools)
  for _, place in pairs(pools) do
    for _, view in ipairs(place.views) do
      if STRATEGIES[view.strategy].follows_assignments then
        return true
      end
    end
  end
end

local function settle(planned, pools)
  local agent = load_agent(number_of_agent(planned.id))
  local turns, times, was = leave(agent)
  agent.settings = {id = planned.id, name = planned.name, weight = planned.weight, limit = planned.limit,
    enabled = planned.enabled, pools = {}}
  for pool, position in pairs(planned.positions) do
    agent.settings.pools[pool] = {position = position, views = pools[pool].views}
  end
  agent.settings.follows_assignments = follows_assignments(agent.settings.pools)
  for pool in pairs(planned.positions) do
    local before = turns[pool] or turns[pools[pool].predecessor] or NO_TURN
    join(agent, pool, pools[pool], before, times, was)
  end
  save(agent)
end

local function adjust(planned)
  local pools = {}
  planned.positions = {}
  local settings = load_agent(number_of_agent(planned.id)).settings
  if not settings then
    return  -- the agent's hash was lost: the audit puts it back
  end
  for pool, place in pairs(settings.pools) do
    planned.positions[pool], pools[pool] = place.position, {predecessor = '', views = place.views, new = {}}
  end
  settle(planned, pools)
end

-- The settings with other places in some pools. Those given are shared by runs, and so not to be changed.
local function with_places(settings, positions, pools)
  local changed, places = {}, {}
  for field, value in pairs(settings) do
    changed[field] = value
  end
  for pool, place in pairs(settings.pools) do
    places[pool] = place
  end
  for pool, position in pairs(positions) do
    places[pool] = position > 0 and {position = position, views = pools[pool].views} or nil
  end
  changed.pools = places
  changed.follows_assignments = follows_assignments(places)
  return changed
end

local function move_to(planned, pools)
  local agent = load_agent(number_of_agent(planned.id))
  if not agent.settings then
    return  -- as in adjust
  end
  local turns, times, was = leave(agent, planned.positions)
  agent.settings = with_places(agent.settings, planned.positions, pools)
  for pool, position in pairs(planned.positions) do
    if position > 0 then
      join(agent, pool, pools[pool], turns[pool] or NO_TURN, times, was)
    end
  end
  save(agent)
end

-- The teams that the agent may be in. If its hash was lost only they themselves know.
local function teams_of(agent)
  if not agent.settings then
    return call('ZRANGE', root .. TEAMS_ORDER, 0, -1)
  end
  local teams = {}
  for pool in pairs(agent.settings.pools) do
    teams[#teams + 1] = string.match(pool, '^t:(.*)$')
  end
  return teams
end

local function forget(id)
  local agent = load_agent(number_of_agent(id))
  leave(agent)
  for _, team in ipairs(teams_of(agent)) do
    call('ZREM', root .. TEAM .. team, id)
  end
  save_former(agent)
  call('HDEL', agent.key, 'settings', 'presence')
  call('ZREM', root .. LEASES, agent.number)
end

-- Does something with each entry; what would make the run too long is put back.
local function each_of(chunk, field, change)
  local entries = chunk[field] or {}
  for at, entry in ipairs(entries) do
    if work >= WORK_A_RUN then
      call('LPUSH', root .. PLAN, cjson.encode({[field] = {unpack(entries, at)}, pools = chunk.pools}))
      return
    end
    change(entry, chunk.pools)
    work = work + 1
  end
end

local function put_in_place(chunk)
  for _, entry in ipairs(chunk.carried or {}) do
    call('HSET', root .. FLOORS, entry[1], least_time(entry[2]))
  end
  for _, planned in ipairs(chunk.agents or {}) do
    settle(planned, chunk.pools)
  end
  each_of(chunk, 'adjusted', adjust)
  each_of(chunk, 'moved', move_to)
  each_of(chunk, 'gone', forget)
  for _, view in ipairs(chunk.dropped or {}) do
    call('HDEL', root .. FLOORS, view)
  end
  if chunk.gone then
    note_first_lease()
  end
end

return function()
  if are_numbers_lost() then
    return LOST_NUMBERS
  end
  local chunk = call('LPOP', root .. PLAN)
  if chunk and string.sub(chunk, 1, 1) == 'W' then
    write_roster(chunk)
  elseif chunk then
    put_in_place(cjson.decode(chunk))
  elseif call('HEXISTS', root, 'building') == 1 then
    call('HSET', root, 'unbuilt', 1)
  end
  local left = call('LLEN', root .. PLAN)
  if left == 0 then
    call('HSET', root, 'places', places_in_teams())
    call('HDEL', root, 'building')
  end
  return left
end
