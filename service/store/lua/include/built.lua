-- Refuses while a new configuration is put in place (build.lua), and while a presence lease is due.
local state = redis.call('HMGET', KEYS[1], 'building', 'lease')
if state[1] then
  return HALF_BUILT
end
if state[2] and tonumber(state[2]) <= now_ms() then
  return DUE_LEASES
end
