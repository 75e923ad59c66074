-- A new configuration is put in place piece by piece (build.lua). Until it is complete, nothing else may happen.
if redis.call('HGET', KEYS[1], 'building') then
  return redis.error_reply('BUILDING')
end
