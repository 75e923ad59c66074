-- Makes agents OFFLINE whose presence lease has ended, at most LIMIT in one run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  1 if there may be more, else 0

--- @include "strategies"
--- @include "pools"

local LIMIT = 200
local OFFLINE = '3'

local clock_time = redis.call('TIME')
local now = clock_time[1] * 1000 + math.floor(clock_time[2] / 1000)
local ended = redis.call('ZRANGEBYSCORE', KEYS[1] .. LEASES, '-inf', now, 'LIMIT', 0, LIMIT)
for _, number in ipairs(ended) do
  redis.call('ZREM', KEYS[1] .. LEASES, number)
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'presence', OFFLINE)
  local agent = load_agent(tonumber(number))
  place_everywhere(agent)
end
return #ended == LIMIT and 1 or 0
