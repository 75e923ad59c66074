-- The open counts that are kept, for the audit.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     first and last of the agents' numbers that are asked about
--
-- Returns  {sequence, number of agents, id ('' = the agent's hash is lost), count, id, count, ...}

--- @readonly

return function(args)
  local counts = {call('HGET', root, 'sequence') or 0, call('HGET', root, 'agents') or 0}
  for number = tonumber(args[1]), math.min(tonumber(args[2]), tonumber(counts[2])) do
    local id, open = unpack(call('HMGET', root .. AGENT .. number, 'id', 'open'))
    counts[#counts + 1] = id or ''
    counts[#counts + 1] = tonumber(open or 0)
  end
  return counts
end
