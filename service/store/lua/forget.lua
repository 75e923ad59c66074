-- Forgets a contact, but for replays and for the ids that stand for it: as long as these are known, a call that is repeated
-- finds all replays (forget_replays.lua); then they go, too (forget_aliases.lua).
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, its bucket, how long the record of a contact without an open conversation is kept (ms)
--
-- Returns  {1 if anything was known of it, its id, ids that stand for it ...}

--- @include "records"
--- @include "open_counts"

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  local contact = load_contact(args[1], args[2])
  local ids = aliases_of(contact.id)
  if #ids > 0 then
    keep_aliases(contact.id, args[3])
  end
  if contact.asked ~= contact.id then
    ids[#ids + 1] = contact.asked
  end
  local known = contact.place or #ids > 0
  table.insert(ids, 1, contact.id)
  if contact.state == OPENED then
    release(contact.owner, args[3])
  end
  remove_record(contact)
  for _, id in ipairs(ids) do
    known = call('DEL', root .. REPLY .. id) > 0 or known
    call('ZREM', root .. UNMATCHED_CONTACTS, id)
    call('ZREM', root .. UNASSIGNED_CONTACTS, id)
  end
  if known then
    next_sequence()
  end
  return {known and 1 or 0, unpack(ids)}
end
