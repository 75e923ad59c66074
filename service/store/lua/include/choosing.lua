-- Choosing an agent, which is an assignment: its open count, its turn and its places follow at once.

--- @include "views"

-- Chooses the first of the view that is asked for. Returns the agent; nil: nobody is eligible.
local function choose(choice, sequence)
  local pool, asked = choice.pool, choice.view.name
  local chosen = redis.call('ZPOPMIN', root .. VIEW .. asked)[1]
  if not chosen then
    return nil
  end
  local _, _, number = struct.unpack(MEMBER, chosen)
  local agent, turn = load_agent(number, pool)
  local settings, before = agent.settings, agent.open
  agent.open, turn = before + 1, cmsgpack.unpack(turn)
  take_turn(settings.weight, turn, sequence)
  redis.call('HSET', root .. AGENT .. number, 'open', agent.open, 'turn:' .. pool, cmsgpack.pack(turn))
  if settings.follows_assignments then
    agent.last = sequence
    redis.call('HSET', root .. AGENT .. number, 'last', sequence)
  end
  local member = member_of(agent, pool, turn)
  for at, view in ipairs(settings.pools[pool].views) do
    if view.name == asked then
      move(agent, view, turn, at, true, nil, member)
    elseif is_eligible(settings, view, agent.online, before) then
      move(agent, view, turn, at, true, chosen, member)
    end
  end
  follow(agent, agent.online, before, pool)
  return agent
end
