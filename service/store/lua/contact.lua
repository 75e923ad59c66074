-- What is on record about a contact.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket
--
-- Returns  {} if nothing is, else {owner id, 1 if open, answer of the decision on record (outcome 0: none)}

--- @include "records"

local contact = load_contact(ARGV[1], ARGV[2])
if not contact.place then
  return {}
end
return {id_of_agent(contact.owner), contact.state == OPENED and 1 or 0,
  answer(contact.outcome, id_of_agent(contact.agent), choice_numbered(contact.choice), contact.revision,
    contact.sequence, contact.time, 0, reply_of(contact))}
