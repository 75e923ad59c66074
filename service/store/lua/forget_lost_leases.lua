-- Forgets that presence leases were lost, after somebody was told.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)

--- @include "state"
--- @include "leases"

return function()
  call('HDEL', root, 'leases_lost')
  note_first_lease()
  return redis.status_reply('OK')
end
