-- Ids and numbers of some agents, for the audit, which finds by number whose hash is lost.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     where to go on ('0': at the beginning), how many at about
--
-- Returns  {where to go on ('0': that was all), {id, number, id, number, ...}}; with a plus sign for unknown owners

--- @readonly

return function(args)
  return call('HSCAN', root .. NUMBERS, args[1], 'COUNT', args[2])
end
