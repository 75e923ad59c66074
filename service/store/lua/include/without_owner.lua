-- Contacts that decisions left without an owner, by the time of their first event (ms): those that no rule has matched
-- so far, and those that turned out unassigned, which are counted once each until they have an owner.

--- @include "records"

local TRIMMED_AT_ONCE = 2  -- more than the one that is added, so that those of whom nothing is known any more dwindle

-- Forgets the oldest, which the record of the contact does not outlive; at most so many. Returns how many there were.
local function trim(suffix, retention, most)
  local old = call('ZRANGEBYSCORE', root .. suffix, '-inf', now - retention, 'LIMIT', 0, most)
  if #old > 0 then
    call('ZREM', root .. suffix, unpack(old))
  end
  return #old
end

-- Forgets that the contact, as it was on record until now, is without an owner, if it is. Returns whether it had turned
-- out unassigned.
local function forget_without_owner(contact)
  local left = contact.outcome == NO_AGENT_AVAILABLE or contact.outcome == NO_RULE_MATCHED
  if not (left and contact.place and contact.state == UNASSIGNED) then
    return false
  end
  local unassigned = call('ZREM', root .. UNASSIGNED_CONTACTS, contact.id) == 1
  if not unassigned then
    call('ZREM', root .. UNMATCHED_CONTACTS, contact.id)
  end
  return unassigned
end

-- Notes that a decision left the contact, as it was on record before that, without an owner. Nobody has to own one that a
-- rule left to nobody, until another finds nobody for it.
local function note_without_owner(contact, outcome, retention)
  if outcome == LEFT_UNASSIGNED then
    forget_without_owner(contact)
    return
  elseif outcome == NO_RULE_MATCHED and contact.left then
    return
  end
  local since = contact.place and call('ZSCORE', root .. UNMATCHED_CONTACTS, contact.id)
  if outcome == NO_AGENT_AVAILABLE then
    if call('ZADD', root .. UNASSIGNED_CONTACTS, 'NX', since or now, contact.id) == 1 then
      call('HINCRBY', root, 'unassigned_no_agent', 1)
      trim(UNASSIGNED_CONTACTS, retention, TRIMMED_AT_ONCE)
    end
    if since then
      call('ZREM', root .. UNMATCHED_CONTACTS, contact.id)
    end
  elseif not since and not (contact.place and call('ZSCORE', root .. UNASSIGNED_CONTACTS, contact.id)) then
    call('ZADD', root .. UNMATCHED_CONTACTS, now, contact.id)
    trim(UNMATCHED_CONTACTS, retention, TRIMMED_AT_ONCE)
  end
end

-- Has another contact be without an owner in the place of this one, and for as long, if this one is.
local function pass_without_owner(contact, id)
  for _, suffix in ipairs({UNMATCHED_CONTACTS, UNASSIGNED_CONTACTS}) do
    local since = call('ZSCORE', root .. suffix, contact.id)
    if since then
      call('ZADD', root .. suffix, since, id)
    end
  end
  forget_without_owner(contact)
end
