-- The rule set in force, and under which version of the roster.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {version of the rules, rule set, version of the roster}; version '0' and '' where none is

--- @include "roster"
--- @readonly

return function()
  local state = call('HMGET', root, 'revision', 'incarnation')
  read_roster_version()
  return {version_of(state[1], state[2]), call('GET', root .. RULES) or '', roster_version}
end
