-- Notes which workspaces are in use, and finds out whether the caller is the one who collects the metrics of fairness.
--
-- KEYS[1]  the collector's lease; the workspaces lie beside it, in KEYS[1]:workspaces
-- ARGV[1]  who calls; '' for somebody who only notes workspaces
-- ARGV[2]  how long the lease lasts (ms); 0: the caller gives it back
-- ARGV[3]  how many workspaces to remember at most
-- then the workspaces that the caller decided for lately
--
-- Returns  {1 if the caller collects, workspace, ...}; {0} if not

return function(args)
  local workspaces = root .. ':workspaces'
  local now = call('TIME')[1]
  for at = 4, #args do
    call('ZADD', workspaces, now, args[at])
  end
  local excess = call('ZCARD', workspaces) - tonumber(args[3])
  if excess > 0 then
    call('ZREMRANGEBYRANK', workspaces, 0, excess - 1)
  end
  local holder = call('GET', root)
  if args[1] == '' or (holder and holder ~= args[1]) then
    return {0}
  end
  if args[2] == '0' then
    call('DEL', root)
    return {0}
  end
  call('SET', root, args[1], 'PX', args[2])
  return {1, unpack(call('ZREVRANGE', workspaces, 0, -1))}
end
