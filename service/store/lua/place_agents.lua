-- Finds agents who are eligible in views that do not have them, since these are lost, and puts them back where they stood.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  number of the first agent to look at
-- ARGV[2]  1 to put them back, 0 to count them only
--
-- Returns  {number to go on with (0: that was all), how many agents were found}

--- @include "views"

-- Whether the agent was missing in a view of this pool.
local function place(agent, pool, views, put_back)
  local turn, missing = nil, false
  for at, view in ipairs(views) do
    work = work + 1
    if is_eligible(agent.settings, view, agent.online, agent.open) then
      turn = turn or turn_of(agent, pool)
      local key, member = root .. VIEW .. view.name, member_of(agent, pool, turn)
      if not call('ZSCORE', key, member) then
        missing = true
        if put_back then
          put(agent, view, key, turn.times[at], member)
        end
      end
    end
  end
  return missing
end

return function(args)
  local number, last, found = tonumber(args[1]), tonumber(call('HGET', root, 'agents') or 0), 0
  while number <= last and work < WORK_A_RUN do
    local agent = load_agent(number)
    local missing = false
    for pool, at in pairs(agent.settings and agent.settings.pools or {}) do
      missing = place(agent, pool, at.views, args[2] == '1') or missing
    end
    found = found + (missing and 1 or 0)
    number, work = number + 1, work + 1
  end
  return {number <= last and number or 0, found}
end
