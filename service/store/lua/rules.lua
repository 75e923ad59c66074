-- The rule set in force, with its revision.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {revision, rule set}; '0' and '' where none is

return {redis.call('HGET', KEYS[1], 'revision') or '0', redis.call('GET', KEYS[1] .. RULES) or ''}
