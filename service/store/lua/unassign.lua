-- Takes a contact's owner away.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, how long the record of an unassigned contact is kept (ms)
--
-- Returns  the previous owner's id; '' if it had none

--- @include "records"
--- @include "open_counts"

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  local contact = load_contact(args[1], args[2])
  if contact.owner == 0 then
    return ''
  end
  next_sequence()
  local previous = id_of_agent(contact.owner)
  if contact.state == OPENED then
    release(contact.owner, args[3])
  end
  contact.owner, contact.state = 0, UNASSIGNED
  save_contact(contact, args[3])
  return previous
end
