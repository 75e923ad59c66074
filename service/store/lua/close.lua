-- The conversation ended: gives the agent's place back, and takes the owner away if the caller or the rule set says so.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, how long the record of a closed contact is kept (ms), what becomes of the owner (a value
--          of the contract's enum; 0: as the rule set says)
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
  local contact, after = load_contact(args[1], args[2]), tonumber(args[4])
  local was_open = contact.state == OPENED
  if not was_open then
    forget_without_owner(contact)
    -- Who asks for it is obeyed also later, when a conversation that was snoozed is resolved.
    if contact.owner == 0 or after ~= OWNER_AFTER_UNASSIGN then
      return {id_of_agent(contact.owner), 0}
    end
  end
  next_sequence()
  if was_open then
    release(contact.owner, args[3])
  end
  contact.state = CLOSED
  if after == OWNER_AFTER_UNASSIGN or after == 0 and call('HGET', root, 'unassign_on_close') == '1' then
    contact.owner, contact.state = 0, UNASSIGNED
  end
  save_contact(contact, args[3])
  return {id_of_agent(contact.owner), was_open and 1 or 0}
end
