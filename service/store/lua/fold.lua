-- Indexes agents by their folded ids, where the index is lost, or a version of the service wrote the roster that keeps none.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     version of the roster that they were read from, 1 if they are the last of it, then members of the index
--
-- Returns  1; 0 if the roster has another version: nothing was done

--- @include "folded"

return function(args)
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  if roster_version ~= args[1] then
    return 0
  end
  for at = 3, #args do
    call('ZADD', root .. FOLDED, 0, args[at])
  end
  if args[2] == '1' then
    note_indexed(roster_version)
  end
  return 1
end
