-- Teams of the roster in their order, with their agents in theirs.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  position of the team to begin with
-- ARGV[2]  position in that team after which to begin
-- ARGV[3]  how many teams and agents at most
-- ARGV[4]  how many teams at most
--
-- Returns  {version of the roster, {position, message, {agent id, position, ...}}, ...}. The agents of the last one may be
--          more: it is to be asked for again.

--- @include "roster"
--- @readonly

return function(args)
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  local after, left = args[2], tonumber(args[3])
  local ids = call('ZRANGEBYSCORE', root .. TEAMS_ORDER, args[1], '+inf', 'WITHSCORES', 'LIMIT', 0, args[4])
  local found = {roster_version}
  for at = 1, #ids, 2 do
    if left <= 0 then
      break
    end
    local agents = call('ZRANGEBYSCORE', root .. TEAM .. ids[at], '(' .. after, '+inf', 'WITHSCORES',
      'LIMIT', 0, left)
    found[#found + 1] = {ids[at + 1], call('HGET', root .. TEAMS, ids[at]), agents}
    after, left = 0, left - 1 - #agents / 2
  end
  return found
end
