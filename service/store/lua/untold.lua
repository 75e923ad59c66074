-- Marks contacts of whose decision its caller was not told: it was made, but is not as durable as it has to be. The
-- caller is asked to repeat its call, and without a request id the mark alone shows that this is the repeat.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     for each contact: its id, its bucket, sequence of the decision
--
-- Returns  how many were marked: those of which this is still the decision on record

--- @include "records"

return function(args)
  local refusal = begin()
  if refusal == STATE_LOST then
    return refusal
  end
  local marked = 0
  for at = 1, #args, 3 do
    local contact = load_contact(args[at], args[at + 1])
    if contact.state == OPENED and contact.sequence == tonumber(args[at + 2]) then
      save_contact(contact, nil, true)
      marked = marked + 1
    end
  end
  return marked
end
