-- Who has got what in which pool, for the metrics of fairness.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  number of the first agent to look at
-- ARGV[2]  how many at most
--
-- Returns  {number to go on with (0: that was all), agent, ...}, an agent being
--          {id, weight, limit, enabled (1 or 0), online (1 or 0), open count, {pool, times assigned, {view, ...}}, ...}, and a
--          view {strategy, online only (1 or 0), limit}

--- @include "pools"

local last = tonumber(redis.call('HGET', KEYS[1], 'agents') or 0)
local number, stop = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2])
local answers = {0}
while number <= last and number < stop and work < WORK_A_RUN do
  local agent = load_agent(number)
  if agent.weight then
    local entry = {agent.id, agent.weight, agent.limit, agent.enabled and 1 or 0, agent.online and 1 or 0, agent.open}
    for _, place in ipairs(agent.pools) do
      local views = {}
      for at, view in ipairs(place[2]) do
        views[at] = {view[2], view[3], view[4]}
      end
      if #views > 0 then
        entry[#entry + 1] = {place[1], turn_of(agent, place[1]).assigned, views}
        work = work + 1
      end
    end
    answers[#answers + 1] = entry
  end
  number = number + 1
end
if number <= last then
  answers[1] = number
end
return answers
