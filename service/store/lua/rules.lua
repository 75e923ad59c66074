-- The rules in force as the matcher takes them, with their revision.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {revision, prepared rules}; '0' and '' where none is, and '' also where the rules were put in force by a version
--          of the service that prepares none

--- @readonly

return function()
  local revisions = call('HMGET', root, 'revision', 'prepared')
  local prepared = revisions[1] == revisions[2] and call('GET', root .. PREPARED)
  return {revisions[1] or '0', prepared or ''}
end
