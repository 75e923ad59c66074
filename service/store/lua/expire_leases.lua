-- Makes agents OFFLINE whose presence lease has ended, at most LIMIT in one run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  1 if there may be more, else 0

--- @include "built"
--- @include "strategies"
--- @include "pools"
--- @include "leases"

local LIMIT = 200
local OFFLINE = '3'

local ended = redis.call('ZRANGEBYSCORE', KEYS[1] .. LEASES, '-inf', now_ms(), 'LIMIT', 0, LIMIT)
for _, number in ipairs(ended) do
  redis.call('ZREM', KEYS[1] .. LEASES, number)
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'presence', OFFLINE)
  place_everywhere(load_agent(tonumber(number)))
end
note_first_lease()
return #ended == LIMIT and 1 or 0
