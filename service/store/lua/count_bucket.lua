-- Counts the open contacts of one bucket by owner, for the audit.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     number of the bucket
--
-- Returns  {owner's number, count, owner's number, count, ...}

--- @include "records"
--- @readonly

return function(args)
  local counts = {}
  for _, packed in ipairs(call('HVALS', root .. OPEN .. args[1])) do
    local _, owner = unpack_record(packed)
    counts[owner] = (counts[owner] or 0) + 1
  end
  local flat = {}
  for owner, count in pairs(counts) do
    flat[#flat + 1] = owner
    flat[#flat + 1] = count
  end
  return flat
end
