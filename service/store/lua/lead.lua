-- Notes which workspaces are in use, and finds out whether the caller is the one who collects the metrics of fairness.
--
-- KEYS[1]  the collector's lease; the workspaces lie beside it, in KEYS[1]:workspaces
-- ARGV[1]  who calls; '' for somebody who only notes workspaces
-- ARGV[2]  how long the lease lasts (ms); 0: the caller gives it back
-- ARGV[3]  how many workspaces to remember at most
-- then the workspaces that the caller decided for lately
--
-- Returns  {1 if the caller collects, workspace, ...}; {0} if not

local workspaces = KEYS[1] .. ':workspaces'
local now = redis.call('TIME')[1]
for at = 4, #ARGV do
  redis.call('ZADD', workspaces, now, ARGV[at])
end
local surplus = redis.call('ZCARD', workspaces) - tonumber(ARGV[3])
if surplus > 0 then
  redis.call('ZREMRANGEBYRANK', workspaces, 0, surplus - 1)
end
local holder = redis.call('GET', KEYS[1])
if ARGV[1] == '' or (holder and holder ~= ARGV[1]) then
  return {0}
end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
  return {0}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, unpack(redis.call('ZREVRANGE', workspaces, 0, -1))}
