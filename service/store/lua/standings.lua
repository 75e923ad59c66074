-- Presence and open count of agents.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     agent ids
--
-- Returns  for each {presence (1 online, 2 busy, 3 offline; 0: not in the roster), open count}

--- @include "leases"
--- @include "built"

local OFFLINE = 3  -- whom nobody has reported

local standings = {}
for at, id in ipairs(ARGV) do
  local number = redis.call('HGET', KEYS[1] .. NUMBERS, id)
  local weight, presence, open = unpack(number
    and redis.call('HMGET', KEYS[1] .. AGENT .. number, 'weight', 'presence', 'open') or {})
  standings[at] = {weight and tonumber(presence or OFFLINE) or 0, tonumber(open or 0)}
end
return standings
