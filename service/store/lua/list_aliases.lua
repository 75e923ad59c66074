-- Finds ids that stand for a contact whose list of them is lost, and lists them again: from there they are taken along where
-- the contact is merged on, or forgotten.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     1 to list them, 0 to count them only; then ids that stand for a contact
--
-- Returns  how many were not listed

--- @include "aliases"

local LISTED_MS = 366 * 24 * 3600 * 1000  -- so long a list is kept of a contact that is not open, until its record is written

return function(args)
  local found = 0
  for at = 2, #args do
    local id = args[at]
    local contact, bucket = alias(id)
    if contact and call('HEXISTS', root .. ALIASES .. contact, id) == 0 then
      found = found + 1
      if args[1] == '1' then
        call('HSET', root .. ALIASES .. contact, id, id)
        keep(root .. ALIASES .. contact, call('HEXISTS', root .. OPEN .. bucket, contact) == 0 and LISTED_MS)
      end
    end
  end
  return found
end
