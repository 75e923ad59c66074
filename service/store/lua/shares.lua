-- Who has got what in which pool, for the metrics of fairness.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  number of the first agent to look at
-- ARGV[2]  how many at most
--
-- Returns  {number to go on with (0: that was all), agent, ...}, an agent being JSON: {id, name, weight, open, online,
--          pools: [{pool, assigned, eligible: whether in some view, strategies: [one for each view]}, ...]};
--          without strategies, no rule could choose the agent in this pool now: it left, or nothing uses the pool

--- @include "views"
--- @readonly

local function shares_of(agent, former)
  local settings = agent.settings or {id = id_of_agent(agent.number), pools = {}}
  local shares = {id = settings.id, name = settings.name or settings.id, weight = settings.weight or 1,
    open = agent.open, online = agent.online, pools = {}}
  for pool, assigned in pairs(former) do
    shares.pools[#shares.pools + 1] = {pool = pool, assigned = assigned, eligible = false}
    work = work + 1
  end
  for pool, place in pairs(settings.pools) do
    local eligible, strategies = false, {}
    for at, view in ipairs(place.views) do
      eligible = eligible or is_eligible(settings, view, agent.online, agent.open)
      strategies[at] = view.strategy
    end
    local assigned = turn_of(agent, pool).assigned
    if #strategies > 0 or assigned > 0 then
      shares.pools[#shares.pools + 1] = {pool = pool, assigned = assigned, eligible = eligible,
        strategies = #strategies > 0 and strategies or nil}
    end
    work = work + 1
  end
  return shares
end

return function(args)
  local last = tonumber(call('HGET', root, 'agents') or 0)
  local number, stop = tonumber(args[1]), tonumber(args[1]) + tonumber(args[2])
  local found = {0}
  while number <= last and number < stop and work < WORK_A_RUN do
    local agent, former = load_agent(number, 'former')
    if agent.settings or former then
      found[#found + 1] = cjson.encode(shares_of(agent, former and cmsgpack.unpack(former) or {}))
    end
    number = number + 1
  end
  if number <= last then
    found[1] = number
  end
  return found
end
