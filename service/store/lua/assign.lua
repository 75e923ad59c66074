-- A person decides who owns a contact: always wins, may pass a limit, and moves no rotation. A closed contact
-- stays closed; any other is open afterwards.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, agent id, how long the record of a closed contact is kept (ms)
--
-- Returns  {} if the agent is not in the roster, else {previous owner id, 1 if open}

--- @include "records"
--- @include "open_counts"
--- @include "without_owner"

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  local number = call('HGET', root .. NUMBERS, args[3])
  if not number and are_numbers_lost() then
    return LOST_NUMBERS
  end
  if not number or call('HEXISTS', root .. AGENT .. number, 'settings') == 0 then
    return {}
  end
  number = tonumber(number)
  local contact = load_contact(args[1], args[2])
  local previous = id_of_agent(contact.owner)
  if contact.owner ~= number then
    next_sequence()
    forget_without_owner(contact)
    if contact.state == OPENED then
      release(contact.owner, args[4])
    end
    if contact.state ~= CLOSED then
      contact.state = OPENED
      occupy(number)
    end
    contact.owner = number
    save_contact(contact, args[4])
  end
  return {previous, contact.state == OPENED and 1 or 0}
end
