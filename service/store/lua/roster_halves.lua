-- Ids of agents or teams that one of the keys has which keep them, their messages or their order, for whoever writes a
-- roster anew of which the other is lost. Some come twice.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  'agents' or 'teams'
-- ARGV[2]  place in their order to go on at; '' once that has been walked
-- ARGV[3]  where to go on in the hash of messages ('0': at the beginning)
-- ARGV[4]  how many at about
--
-- Returns  {version of the roster, place in the order ('': that was all), where to go on in the hash ('': that was all), id, ...}

--- @include "roster"
--- @readonly

return function(args)
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  local agents = args[1] == 'agents'
  local found = {roster_version, '', ''}
  if args[2] ~= '' then
    local first, most = tonumber(args[2]), tonumber(args[4])
    local ids = call('ZRANGE', root .. (agents and AGENTS_ORDER or TEAMS_ORDER), first, first + most - 1)
    for at, id in ipairs(ids) do
      found[at + 3] = id
    end
    found[2], found[3] = #ids == most and tostring(first + most) or '', '0'
    return found
  end
  local following, flat = unpack(call('HSCAN', root .. (agents and AGENTS or TEAMS), args[3], 'COUNT', args[4]))
  for at = 1, #flat, 2 do
    found[#found + 1] = flat[at]
  end
  found[3] = following ~= '0' and following or ''
  return found
end
