-- The rules in force as the matcher takes them, with their revision.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {revision, prepared rules}; '0' and '' where none is

return {redis.call('HGET', KEYS[1], 'revision') or '0', redis.call('GET', KEYS[1] .. PREPARED) or ''}
