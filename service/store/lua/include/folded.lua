-- The index of agents by their folded ids (see named_owners.lua). It says itself of which roster it is, so that one that is
-- lost is not taken for one without entries: by one more member, SEPARATOR and the roster's version. No folded id begins so.

--- @include "roster"

-- Whether the index is there, and that of the roster in force.
local function is_indexed()
  return call('ZSCORE', root .. FOLDED, SEPARATOR .. roster_version)
end

-- Has the index be that of this version of the roster, and of no other.
local function note_indexed(of)
  local marks = call('ZRANGE', root .. FOLDED, '[' .. SEPARATOR, '( ', 'BYLEX')
  if #marks > 0 then
    call('ZREM', root .. FOLDED, unpack(marks))
  end
  call('ZADD', root .. FOLDED, 0, SEPARATOR .. of)
end
