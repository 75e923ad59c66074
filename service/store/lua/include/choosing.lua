-- Choosing an agent, which is an assignment: its open count, its turn and its places follow at once.

--- @include "views"

-- Chooses the first of the view that is asked for. Returns the agent; nil: nobody is eligible.
local function choose(choice, sequence)
  local pool, asked = choice.pool, choice.view.name
  local key, turn_field = root .. VIEW .. asked, 'turn:' .. pool
  local chosen = call('ZPOPMIN', key)[1]
  if not chosen then
    return nil
  end
  local number = string.sub(chosen, MEMBER_BYTES + 1)
  local agent, packed = load_agent(number, turn_field)
  local settings, before = agent.settings, agent.open
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
