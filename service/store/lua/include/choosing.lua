-- Choosing an agent, which is an assignment: its open count, its turn and its places follow at once.

--- @include "views"

-- Takes the first place out of a view, or the first that is not of an excluded agent (see excluded.lua; nil: none). The excluded
-- keep theirs. Returns the place and, past excluded agents, how many those are, and the place's score.
local function take_place(key, excluded)
  if not excluded then
    return call('ZPOPMIN', key)[1]
  end
  for at, member in ipairs(call('ZRANGE', key, 0, excluded.count)) do
    if not excluded.numbers[string.sub(member, MEMBER_BYTES + 1)] then
      local score = at > 1 and tonumber(call('ZSCORE', key, member))
      call('ZREM', key, member)
      return member, at - 1, score
    end
  end
end

-- Takes the first out of a view whose turn in the pool is that of its place there. Whose hash was lost, or was lost and put
-- back, has no such turn, and leaves the view. Returns its place, the agent, its turn, and what else `take_place` does; nil:
-- nobody is there.
local function take_first(key, turn_field, excluded)
  while true do
    local chosen, passed, score = take_place(key, excluded)
    if not chosen then
      return nil
    end
    local agent, packed = load_agent(string.sub(chosen, MEMBER_BYTES + 1), turn_field)
    if packed and agent.settings and string.sub(packed, LAST_FROM, LAST_TO) == string.sub(chosen, 1, LAST_TO - LAST_FROM + 1) then
      return chosen, agent, packed, passed, score
    end
    if not agent.settings then
      call('HINCRBY', root, 'agents_lost', 1)  -- for the metrics' replica, which tells the log
    end
  end
end

-- Where nobody is eligible the view is not there, no more than where it is lost: every so often somebody is to look which
-- of the two it is. A view in which all are excluded is there.
local CHECK_MS = 60000

local function is_due_to_check(choice, excluded)
  local is_there = excluded and call('EXISTS', root .. VIEW .. choice.view.name) == 1
  return not is_there and call('SET', root .. CHECKED, '', 'NX', 'PX', CHECK_MS)
end

-- Chooses the first of the view that is asked for, but for the excluded. Returns the agent; nil: nobody is eligible.
local function choose(choice, sequence, excluded)
  local pool, asked = choice.pool, choice.view.name
  local key, turn_field = root .. VIEW .. asked, 'turn:' .. pool
  local chosen, agent, packed, passed, score = take_first(key, turn_field, excluded)
  if not chosen then
    return nil
  end
  if passed and passed > 0 and STRATEGIES[choice.view.strategy].by_time and 2 * passed <= call('ZCARD', key) + 1 then
    raise_floor(asked, score)
  end
  local number, settings, before = agent.number, agent.settings, agent.open
  agent.open = before + 1
  local turn, time, times = take_turn(packed, settings.weight, sequence)
  if settings.follows_assignments then
    agent.last = sequence
    call('HSET', agent.key, 'open', agent.open, turn_field, turn, 'last', sequence)
  else
    call('HSET', agent.key, 'open', agent.open, turn_field, turn)
  end
  local place = settings.pools[pool]
  local member = struct.pack(MEMBER, sequence, place.position) .. number
  if not times then
    put(agent, place.views[1], key, time, member)
  else
    for at, view in ipairs(place.views) do
      if view.name == asked then
        put(agent, view, key, times[at], member)
      elseif is_eligible(settings, view, agent.online, before) then
        move(agent, view, times, at, true, chosen, member)
      end
    end
  end
  if next(settings.pools, next(settings.pools)) then
    follow(agent, agent.online, before, pool)
  end
  return agent
end
