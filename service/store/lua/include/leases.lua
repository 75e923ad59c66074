-- Presence leases: who is OFFLINE by itself, and when the first of them is (ms; kept beside the revision, so that
-- a decision sees without another look whether one is due).

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function note_first_lease()
  local first = redis.call('ZRANGE', KEYS[1] .. LEASES, 0, 0, 'WITHSCORES')
  if first[2] then
    redis.call('HSET', KEYS[1], 'lease', first[2])
  else
    redis.call('HDEL', KEYS[1], 'lease')
  end
end
