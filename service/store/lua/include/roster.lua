-- The roster, for scripts that read it.

--- @include "state"

local roster_revision

-- Begins a run. Returns what it is refused with, if it is.
local function begin_with_roster()
  roster_revision = call('HGET', root, 'roster_revision') or '0'
  return begin()
end
