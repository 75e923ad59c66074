-- The rule set and the roster in force, as one consistent pair.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {revision of the rules, rule set, revision of the roster, roster}; revision '0' and '' where none is

return {
  redis.call('HGET', KEYS[1], 'revision') or '0', redis.call('GET', KEYS[1] .. RULES) or '',
  redis.call('HGET', KEYS[1], 'roster_revision') or '0', redis.call('GET', KEYS[1] .. ROSTER) or '',
}
