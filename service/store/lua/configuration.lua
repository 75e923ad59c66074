-- The rule set in force, and under which revision of the roster.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {revision of the rules, rule set, revision of the roster}; revision '0' and '' where none is

--- @readonly

return function()
  return {
    call('HGET', root, 'revision') or '0', call('GET', root .. RULES) or '',
    call('HGET', root, 'roster_revision') or '0',
  }
end
