-- Lays pieces of a plan aside, for commit.lua.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     token, how long the plan is kept if it is not committed (ms), pieces

redis.call('RPUSH', KEYS[1] .. STAGED .. ARGV[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1] .. STAGED .. ARGV[1], ARGV[2])
return redis.status_reply('OK')
