-- A person decides who owns a contact: always wins, may pass a limit, and moves no rotation. The contact is open
-- afterwards, also if it was closed.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, agent id, how long the record of a closed contact is kept (ms)
--
-- Returns  {} if the agent is not in the roster, else {previous owner id}

--- @include "records"
--- @include "open_counts"
--- @include "without_owner"

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  local number = call('HGET', root .. NUMBERS, args[3])
  number = number and tonumber(number)
  if not number and are_numbers_lost() then
    return LOST_NUMBERS
  end
  if not number or not is_in_roster(number) then
    return {}
  end
  local contact = load_contact(args[1], args[2])
  local previous = id_of_agent(contact.owner)
  if contact.owner ~= number or contact.state ~= OPENED then
    next_sequence()
    forget_without_owner(contact)
    if contact.state == OPENED then
      release(contact.owner, args[4])
    end
    occupy(number)
    contact.owner, contact.state = number, OPENED
    save_contact(contact, args[4])
  end
  return {previous}
end
