-- The rules in force as the matcher takes them, with their version.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {version, prepared rules}; '0' and '' where none is, and '' also where the rules were put in force by a version
--          of the service that prepares none

--- @include "state"
--- @readonly

return function()
  local state = call('HMGET', root, 'revision', 'incarnation', 'prepared')
  local prepared = state[1] == state[3] and call('GET', root .. PREPARED)
  return {version_of(state[1], state[2]), prepared or ''}
end
