-- Keeps the rules as the matcher takes them, where what was kept of that is lost.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  version of the rules
-- ARGV[2]  these, prepared
--
-- Returns  1; 0 if other rules are in force by now: nothing was done

--- @include "state"

return function(args)
  local state = call('HMGET', root, 'revision', 'incarnation')
  if version_of(state[1], state[2]) ~= args[1] then
    return 0
  end
  call('SET', root .. PREPARED, args[2])
  call('HSET', root, 'prepared', state[1])
  return 1
end
