-- Some agents or teams of the roster.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  'agents' or 'teams'
-- ARGV[2]  1 if their messages are wanted, else 0
-- then the ids
--
-- Returns  {version of the roster, {position (nil: not in the roster), ...}, {message, ...}}; of a team the number of its
--          agents stands where its message would, if that is not wanted

--- @include "roster"
--- @readonly

return function(args)
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  local agents = args[1] == 'agents'
  local positions = call('ZMSCORE', root .. (agents and AGENTS_ORDER or TEAMS_ORDER), unpack(args, 3))
  local messages = {}
  if args[2] == '1' then
    messages = call('HMGET', root .. (agents and AGENTS or TEAMS), unpack(args, 3))
  elseif not agents then
    for at = 3, #args do
      messages[at - 2] = call('ZCARD', root .. TEAM .. args[at])
    end
  end
  return {roster_version, positions, messages}
end
