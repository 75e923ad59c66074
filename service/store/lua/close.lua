-- The conversation ended: gives the agent's place back, and takes the owner away if the rule set says so.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, how long the record of a closed contact is kept (ms)
--
-- Returns  {id of who owns it now, 1 if it was open until now}

--- @include "records"
--- @include "open_counts"
--- @include "without_owner"

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  local contact = load_contact(args[1], args[2])
  if contact.state ~= OPENED then
    forget_without_owner(contact)
    return {id_of_agent(contact.owner), 0}
  end
  next_sequence()
  release(contact.owner, args[3])
  contact.state = CLOSED
  if call('HGET', root, 'unassign_on_close') == '1' then
    contact.owner, contact.state = 0, UNASSIGNED
  end
  save_contact(contact, args[3])
  return {id_of_agent(contact.owner), 1}
end
