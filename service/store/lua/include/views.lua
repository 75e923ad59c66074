-- Views of pools: sorted sets of exactly those eligible under one strategy and what a rule asks for, first first.

--- @include "agents"

-- Scripts that change many agents stop after so many agents and places, and are called again: some milliseconds in
-- which Redis serves nobody else.
local WORK_A_RUN = 100

-- Who is eligible: the one place that says it.
local function is_eligible(settings, view, online, open)
  return settings.enabled
    and (online or not view.online_only)
    and (settings.limit == 0 or open < settings.limit)
    and (not view.max_open_contacts or open < view.max_open_contacts)
end

-- The virtual time before which nobody comes into a view, whoever is there: of the last one to leave it empty, or of one
-- who was chosen past a few who were excluded (see rotation.py).
local function floor_of(name)
  return tonumber(call('HGET', root .. FLOORS, name) or 0)
end

local function raise_floor(name, time)
  if time > floor_of(name) then
    call('HSET', root .. FLOORS, name, time)
  end
end

-- The virtual time at which an agent comes into a view at the earliest: the least of those who are there, or its floor.
local function least_time(name)
  local first = call('ZRANGE', root .. VIEW .. name, 0, 0, 'WITHSCORES')[2]
  return math.max(tonumber(first or 0), floor_of(name))
end

-- Notes the time of the last one to leave a view.
local function note_if_empty(view, key, time)
  if STRATEGIES[view.strategy].by_time and call('EXISTS', key) == 0 then
    raise_floor(view.name, time)
  end
end

-- Puts an agent that was eligible in a view, and has been taken out of it, back in where it now belongs, if it still is.
local function put(agent, view, key, time, member)
  if is_eligible(agent.settings, view, agent.online, agent.open) then
    local strategy = STRATEGIES[view.strategy]
    call('ZADD', key, strategy.by_time and time or strategy.score(agent), member)
  else
    note_if_empty(view, key, time)
  end
end

-- Moves an agent to where it now belongs in one view of a pool, the one at `at` among them: in, out, or elsewhere.
-- Everything in which an agent becomes eligible comes through here.
-- was   whether the agent was eligible
-- old   as what the view may still have it (nil: it does not)
-- new   as what it is to be there
-- Returns whether the agent's time was lifted, so that its turn is to be saved.
local function move(agent, view, times, at, was, old, new)
  local key, lifted = root .. VIEW .. view.name, false
  local is = is_eligible(agent.settings, view, agent.online, agent.open)
  if old and not (is and old == new) then
    call('ZREM', key, old)
  end
  if was then
    put(agent, view, key, times[at], new)
  elseif is then
    if STRATEGIES[view.strategy].by_time then
      local least = least_time(view.name)
      lifted = least > times[at]
      times[at] = math.max(times[at], least)
    end
    put(agent, view, key, times[at], new)
  end
  return lifted
end

-- Whether an agent's place in a view of this strategy may have changed, though it was eligible and is.
local function follows(strategy, counted, assigned)
  return (counted and strategy.follows_open_count) or (assigned and strategy.follows_assignments)
end

-- Puts the agent where it belongs in all its pools, after it was online, and had so many contacts open; `assigned` is
-- the pool from which it was just assigned a contact (nil: it was not), and has been seen to.
local function follow(agent, was_online, was_open, assigned)
  local settings, counted = agent.settings, was_open ~= agent.open
  for pool, place in pairs(settings and settings.pools or {}) do
    if pool ~= assigned then
      local turn, member, lifted = nil, nil, false
      for at, view in ipairs(place.views) do
        local was = is_eligible(settings, view, was_online, was_open)
        local is = is_eligible(settings, view, agent.online, agent.open)
        if was ~= is or (is and follows(STRATEGIES[view.strategy], counted, assigned)) then
          turn = turn or turn_of(agent, pool)
          member = member or member_of(agent, pool, turn)
          lifted = move(agent, view, turn.times, at, was, was and member, member) or lifted
        end
      end
      if lifted then
        save_turn(agent, pool, turn)
      end
      work = work + #place.views
    end
  end
end

-- Takes the agent out of the views of some pools (a set by name; nil: all). Returns its turns by pool, and by view its
-- time, and whether it was in there.
local function withdraw(agent, some)
  local turns, times, was = {}, {}, {}
  for pool, place in pairs(agent.settings and agent.settings.pools or {}) do
    if not some or some[pool] then
      local turn = turn_of(agent, pool)
      turns[pool] = turn
      for at, view in ipairs(place.views) do
        was[view.name] = call('ZREM', root .. VIEW .. view.name, member_of(agent, pool, turn)) == 1
        times[view.name] = turn.times[at]
        if was[view.name] then
          note_if_empty(view, root .. VIEW .. view.name, turn.times[at])
        end
      end
      work = work + 1 + #place.views
    end
  end
  return turns, times, was
end
