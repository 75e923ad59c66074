-- Lays chunks of a plan aside, for commit.lua.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     token, how long the plan is kept if it is not committed (ms), chunks

return function(args)
  call('RPUSH', root .. STAGED .. args[1], unpack(args, 3))
  call('PEXPIRE', root .. STAGED .. args[1], args[2])
  return redis.status_reply('OK')
end
