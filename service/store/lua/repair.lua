-- Sets open counts to what was counted in the records, and puts the agents where they then belong.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  sequence of the workspace when the records were counted
-- then, for each agent to be repaired: number, count, id
--
-- Returns  1; 0 if something happened in the workspace since: nothing was done

--- @include "state"
--- @include "views"

-- What was wrong is no guide to where the agent stands; so it is taken out and put in again.
local function repair(number, open, id)
  call('HSET', root .. AGENT .. number, 'open', open, 'id', id)
  local agent = load_agent(number)
  local turns, _, was = withdraw(agent)
  for pool, turn in pairs(turns) do
    for at, view in ipairs(agent.settings.pools[pool].views) do
      move(agent, view, turn.times, at, was[view.name], nil, member_of(agent, pool, turn))
    end
    save_turn(agent, pool, turn)
  end
end

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  if (call('HGET', root, 'sequence') or '0') ~= args[1] then
    return 0
  end
  call('HDEL', root, 'agents_lost')
  for at = 2, #args, 3 do
    repair(tonumber(args[at]), args[at + 1], args[at + 2])
  end
  return 1
end
