-- The rule set in force, and under which version of the roster.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {version of the rules, rule set, version of the roster, 1 if rules are in force and their rule set is gone};
--          version '0' where none is, and where the workspace's hash is lost; '' where no rule set is there

--- @include "roster"
--- @readonly

return function()
  local state = call('HMGET', root, 'revision', 'incarnation')
  read_roster_version()
  local rule_set = call('GET', root .. RULES)
  local lost = state[1] and state[1] ~= '0' and not rule_set
  return {version_of(state[1], state[2]), rule_set or '', roster_version, lost and 1 or 0}
end
