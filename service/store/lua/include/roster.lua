-- The roster, for scripts that read it.

--- @include "state"

local roster_version

local function read_roster_version()
  local state = call('HMGET', root, 'roster_revision', 'roster_incarnation')
  roster_version = version_of(state[1], state[2])
end

-- Begins a run. Returns what it is refused with, if it is.
local function begin_with_roster()
  read_roster_version()
  return begin()
end
