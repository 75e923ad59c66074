-- Sets open counts to what was counted in the records, and puts the agents where they then belong.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  sequence of the workspace when the records were counted
-- then, for each agent to be repaired: number, count
--
-- Returns  1; 0 if something happened in the workspace since: nothing was done

--- @include "leases"
--- @include "built"
--- @include "strategies"
--- @include "pools"

if (redis.call('HGET', KEYS[1], 'sequence') or '0') ~= ARGV[1] then
  return 0
end
for at = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1] .. AGENT .. ARGV[at], 'open', ARGV[at + 1])
  local agent = load_agent(tonumber(ARGV[at]))
  local turns, _, was = withdraw(agent)
  for _, place in ipairs(agent.pools) do
    local turn = turns[place.pool]
    for index, view in ipairs(place.views) do
      move(agent, view, turn, index, was[view.name])
    end
    save_turn(agent, place.pool, turn)
  end
end
return 1
