-- The rules in force as the matcher takes them, with their version.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {version, prepared rules, 1 if rules were ever configured or their loss was accepted, 1 if its rules are gone, be
--          it with the revision}; '0' and '' where none is, and '' also where the rules were put in force by a version of the
--          service that prepares none

--- @include "state"
--- @readonly

return function()
  local state = call('HMGET', root, 'revision', 'incarnation', 'prepared', 'sequence')
  local prepared = state[1] == state[3] and call('GET', root .. PREPARED)
  local gone
  if state[1] then
    gone = state[1] ~= '0' and not prepared and call('EXISTS', root .. RULES) == 0
  else
    gone = is_root_lost(state[1], state[4])
  end
  return {version_of(state[1], state[2]), prepared or '', state[1] and 1 or 0, gone and 1 or 0}
end
