-- Reports the presence of agents.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     for each agent: id, presence (1 online, 2 busy, 3 offline), lease (ms, 0 = none)
--
-- Returns  the ids that are not in the roster; if there are any, nothing was changed

--- @include "built"
--- @include "strategies"
--- @include "pools"
--- @include "leases"

local numbers, unknown = {}, {}
for at = 1, #ARGV, 3 do
  local number = redis.call('HGET', KEYS[1] .. NUMBERS, ARGV[at])
  if number and redis.call('HEXISTS', KEYS[1] .. AGENT .. number, 'weight') == 1 then
    numbers[#numbers + 1] = number
  else
    unknown[#unknown + 1] = ARGV[at]
  end
end
if #unknown > 0 then
  return unknown
end

local now = now_ms()
for i, number in ipairs(numbers) do
  local presence, lease = ARGV[3 * i - 1], tonumber(ARGV[3 * i])
  if lease > 0 then
    redis.call('ZADD', KEYS[1] .. LEASES, now + lease, number)
  else
    redis.call('ZREM', KEYS[1] .. LEASES, number)
  end
  local agent = load_agent(tonumber(number))
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'presence', presence)
  if agent.online ~= (presence == ONLINE) then
    agent.online = presence == ONLINE
    place_everywhere(agent)
  end
end
note_first_lease()
return {}
