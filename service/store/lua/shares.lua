-- Who has got what in which pool, for the metrics of fairness.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  number of the first agent to look at
-- ARGV[2]  how many at most
--
-- Returns  {number to go on with (0: that was all), agent, ...}, an agent being JSON: {id, weight, open, online,
--          pools: [{pool, assigned, eligible: whether in some view, strategies: [one for each view]}, ...]}

--- @include "views"
--- @readonly

local function shares_of(agent)
  local shares = {id = agent.settings.id, weight = agent.settings.weight, open = agent.open, online = agent.online, pools = {}}
  for pool, place in pairs(agent.settings.pools) do
    local eligible, strategies = false, {}
    for at, view in ipairs(place.views) do
      eligible = eligible or is_eligible(agent.settings, view, agent.online, agent.open)
      strategies[at] = view.strategy
    end
    if #strategies > 0 then
      shares.pools[#shares.pools + 1] = {pool = pool, assigned = turn_of(agent, pool).assigned, eligible = eligible,
        strategies = strategies}
      work = work + 1
    end
  end
  return shares
end

return function(args)
  local last = tonumber(call('HGET', root, 'agents') or 0)
  local number, stop = tonumber(args[1]), tonumber(args[1]) + tonumber(args[2])
  local found = {0}
  while number <= last and number < stop and work < WORK_A_RUN do
    local agent = load_agent(number)
    if agent.settings then
      found[#found + 1] = cjson.encode(shares_of(agent))
    end
    number = number + 1
  end
  if number <= last then
    found[1] = number
  end
  return found
end
