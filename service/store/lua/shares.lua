-- Who has got what in which pool, for the metrics of fairness.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  number of the first agent to look at
-- ARGV[2]  how many at most
--
-- Returns  {number to go on with (0: that was all), agent, ...}, an agent being JSON: {id, weight, open, online,
--          pools: [{pool, assigned, eligible: whether in some view, strategies: [one for each view]}, ...]}

--- @include "strategies"
--- @include "pools"

local last = tonumber(redis.call('HGET', KEYS[1], 'agents') or 0)
local number, stop = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2])
local answers = {0}
while number <= last and number < stop and work < WORK_A_RUN do
  local agent = load_agent(number)
  if agent.weight then
    local entry = {id = agent.id, weight = agent.weight, open = agent.open, online = agent.online, pools = {}}
    for _, place in ipairs(agent.pools) do
      local eligible, strategies = false, {}
      for at, view in ipairs(place.views) do
        eligible = eligible or is_eligible(agent, view, agent.online, agent.open)
        strategies[at] = view.strategy
      end
      if #strategies > 0 then
        entry.pools[#entry.pools + 1] = {pool = place.pool, assigned = turn_of(agent, place.pool).assigned,
          eligible = eligible, strategies = strategies}
        work = work + 1
      end
    end
    answers[#answers + 1] = cjson.encode(entry)
  end
  number = number + 1
end
if number <= last then
  answers[1] = number
end
return answers
