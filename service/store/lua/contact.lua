-- What is on record about a contact.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket
--
-- Returns  {} if nothing is, else {owner id, 1 if open, decision on record (outcome 0: none), id that holds}

--- @include "replays"
--- @readonly

return function(args)
  local refusal = begin()
  if refusal == OLD_STATE or refusal == STATE_LOST then
    return refusal
  end
  local contact = load_contact(args[1], args[2])
  if not contact.place then
    return {}
  end
  return {id_of_agent(contact.owner), contact.state == OPENED and 1 or 0, decision_on(contact, 0), contact.id}
end
