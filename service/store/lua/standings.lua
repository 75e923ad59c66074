-- Presence and open count of agents.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     agent ids
--
-- Returns  for each {presence (a value of the contract's enum; 0: not in the roster), open count}

--- @include "state"
--- @include "agents"
--- @readonly

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  if are_numbers_lost() then
    return LOST_NUMBERS
  end
  local standings = {}
  for at, id in ipairs(args) do
    local number = call('HGET', root .. NUMBERS, id)
    local read = number and call('HMGET', root .. AGENT .. tonumber(number), 'settings', 'presence', 'open') or {}
    -- Whom nobody has reported is OFFLINE.
    standings[at] = {read[1] and tonumber(read[2] or OFFLINE) or 0, tonumber(read[3] or 0)}
  end
  return standings
end
