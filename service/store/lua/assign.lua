-- A person decides who owns a contact: always wins, may pass a limit, and moves no rotation. A closed contact
-- stays closed; any other is open afterwards.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, agent id, how long the record of a closed contact is kept (ms)
--
-- Returns  {} if the agent is not in the roster, else {previous owner id, 1 if open}

--- @include "leases"
--- @include "built"
--- @include "strategies"
--- @include "records"
--- @include "pools"

local number = redis.call('HGET', KEYS[1] .. NUMBERS, ARGV[3])
if not number or redis.call('HEXISTS', KEYS[1] .. AGENT .. number, 'weight') == 0 then
  return {}
end
number = tonumber(number)
local contact = load_contact(ARGV[1], ARGV[2])
local previous = id_of_agent(contact.owner)
if contact.owner ~= number then
  next_sequence()
  if contact.state == OPENED then
    release(contact.owner)
  end
  if contact.state ~= CLOSED then
    contact.state = OPENED
    occupy(number)
  end
  contact.owner = number
  save_contact(contact, ARGV[4])
end
return {previous, contact.state == OPENED and 1 or 0}
