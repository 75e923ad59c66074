-- The conversation ended: gives the agent's place back, and takes the owner away if the rule set says so.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, how long the record of a closed contact is kept (ms)
--
-- Returns  {id of who owns it now, 1 if it was open until now}

--- @include "leases"
--- @include "built"
--- @include "strategies"
--- @include "records"
--- @include "pools"

local contact = load_contact(ARGV[1], ARGV[2])
if contact.state ~= OPENED then
  return {id_of_agent(contact.owner), 0}
end
next_sequence()
release(contact.owner)
contact.state = CLOSED
if redis.call('HGET', KEYS[1], 'unassign_on_close') == '1' then
  contact.owner, contact.state = 0, UNASSIGNED
end
save_contact(contact, ARGV[3])
return {id_of_agent(contact.owner), 1}
