-- The open counts that are kept, for the audit.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     first and last of the agents' numbers that are asked about
--
-- Returns  {sequence, number of agents, and for each of those: id ('' = the agent's hash is lost, or its settings), count,
--          and 0 if it is in the roster, 1 if it has left that, 2 if it was never there}

--- @readonly

return function(args)
  local counts = {call('HGET', root, 'sequence') or 0, call('HGET', root, 'agents') or 0}
  local is_building = call('HEXISTS', root, 'building') == 1
  for number = tonumber(args[1]), math.min(tonumber(args[2]), tonumber(counts[2])) do
    local id, open, settings = unpack(call('HMGET', root .. AGENT .. number, 'id', 'open', 'settings'))
    local is_whole = id and (settings or is_building or call('HEXISTS', root .. AGENTS, id) == 0)
    counts[#counts + 1] = is_whole and id or ''
    counts[#counts + 1] = tonumber(open or 0)
    counts[#counts + 1] = settings and 0 or call('HGET', root .. NUMBERS, id or '') == '+' .. number and 2 or 1
  end
  return counts
end
