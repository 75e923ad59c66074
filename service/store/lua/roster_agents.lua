-- Agents of the roster in their order.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  position after which to begin
-- ARGV[2]  how many at most
--
-- Returns  {version of the roster, position, message, position, message, ...}

--- @include "roster"
--- @readonly

return function(args)
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  local ids = call('ZRANGEBYSCORE', root .. AGENTS_ORDER, '(' .. args[1], '+inf', 'WITHSCORES',
    'LIMIT', 0, args[2])
  local found = {roster_version}
  for at = 1, #ids, 2 do
    found[at + 1] = ids[at + 1]
    found[at + 2] = call('HGET', root .. AGENTS, ids[at])
  end
  return found
end
