-- Decides about contacts, one after another, each as a whole: claims the contact, chooses the agent, moves the
-- rotation, counts, and records the decision.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  version of the rules the caller prepared this under
-- ARGV[2]  how long the record of a contact without an open conversation is kept (ms)
-- ARGV[3]  how long a replay is kept (ms)
-- ARGV[4]  token of the run, by which a second one with the same arguments is known ('' = it is known by request ids)
-- ARGV[5]  how long after the first a second one may come (ms); without a token: since when the first one may have run
--          (ms since 1970), if this is a second one, else 0
-- then, for each contact, FIELDS arguments:
--   contact id, its bucket, owner id as the caller knows it ('' = nobody), 1 if its conversation was opened,
--   request id ('' = none), name of what the rule asks for ('' = no rule matched), reply ('' = none), in which
--   SEPARATOR stands for the agent's name
--
-- Returns  a decision for each contact

--- @include "repeats"
--- @include "choosing"
--- @include "open_counts"
--- @include "without_owner"

local FIELDS, FIRST = 7, 6  -- words a contact, and where the first begins
local FIRST_REF = FIRST + 5  -- where that names what its rule asks for
local retention, replay_retention, under
local refused  -- what the run is refused with, as it turns out in its middle

-- The contact is owned: the record follows the caller's owner, and an opened conversation is counted.
local function keep_owner(contact, owner_id, opened, request, sequence)
  local owner = owner_id ~= '' and number_of_owner(owner_id, retention, replay_retention) or contact.owner
  if not owner then
    refused = LOST_NUMBERS
    return
  end
  local state = (contact.state == CLOSED and not opened) and CLOSED or OPENED
  if owner ~= contact.owner or state ~= contact.state then
    if contact.state == OPENED then
      release(contact.owner, retention)
    end
    if state == OPENED then
      occupy(owner)
    end
    forget_without_owner(contact)
    contact.owner, contact.state = owner, state
    save_contact(contact, retention)
  end
  if request ~= '' then
    keep_replay(contact.id, request, replay_retention, ALREADY_ASSIGNED, owner, 0, under, sequence, now, '')
  end
  return decision(ALREADY_ASSIGNED, owner_id ~= '' and owner_id or id_of_agent(owner), '', under, sequence, now, 0, '')
end

-- The decision on record gives way to a new one.
local function set_aside(contact)
  if contact.request ~= '' then
    keep_replay(contact.id, contact.request, replay_retention, contact.outcome, contact.agent, contact.choice,
      contact.revision, contact.sequence, contact.time, reply_of(contact))
  end
end

-- The reply with the agent's name in it, kept for replays.
local function fill_in(id, reply, agent)
  local filled = string.gsub(reply, SEPARATOR, function() return agent.settings.name end)
  call('SET', root .. REPLY .. id, filled, 'PX', replay_retention)
  return filled
end

local function decide_by_rules(contact, request, ref, reply, sequence, at)
  local outcome, agent, text, choice = NO_RULE_MATCHED, nil, '', nil
  if ref ~= '' then
    text, choice = choice_called(ref)
    agent = choose(choice, sequence)
    if not agent and at == 1 and is_due_to_check() then
      refused = CHECK_VIEWS
      return
    end
    outcome = agent and ASSIGNED or NO_AGENT_AVAILABLE
  end
  if not agent then
    note_without_owner(contact, outcome, retention)
  elseif contact.place and forget_without_owner(contact) then
    call('HINCRBY', root, 'assigned_late', 1)
  end
  set_aside(contact)
  reply = (agent and reply ~= '') and fill_in(contact.id, reply, agent) or ''
  contact.owner = agent and agent.number or 0
  contact.state = agent and OPENED or UNASSIGNED
  contact.outcome, contact.agent, contact.choice = outcome, contact.owner, choice and choice.number or 0
  contact.has_reply, contact.request = reply ~= '', request
  contact.revision, contact.sequence, contact.time = under, sequence, now
  save_contact(contact, retention)
  return decision(outcome, agent and agent.settings.id or '', text, under, sequence, now, 0, reply)
end

-- Decides about one contact, the one at `at` of so many.
local function decide(at, contacts, id, bucket, owner_id, opened, request, ref, reply)
  local contact = load_contact(id, bucket)
  local earlier = before and decided_before(contact, request, at)
    or request ~= '' and contact.place and decided_for(contact, request)
    or request == '' and owner_id == '' and decided_untold(contact)
  if earlier then
    return earlier
  end
  local sequence = next_sequence(contacts - at + 1)
  if owner_id ~= '' or contact.owner ~= 0 then
    return keep_owner(contact, owner_id, opened == '1', request, sequence)
  end
  return decide_by_rules(contact, request, ref, reply, sequence, at)
end

-- Whether each contact is decided about, or has an owner: so the rules bear on none of them any more.
local function are_decided(args, contacts)
  local begun = before
  for at = 1, contacts do
    local from = FIRST + (at - 1) * FIELDS
    local id, bucket, owner_id, _, request = unpack(args, from, from + FIELDS - 1)
    local contact = load_contact(id, bucket)
    local decided = owner_id ~= '' or contact.owner ~= 0 or before and decided_before(contact, request, at)
      or request ~= '' and contact.place and replay(contact, request)
    if not decided then
      return false
    end
  end
  before = begun
  return true
end

return function(args)
  local refusal, text, revision = begin(args[FIRST_REF])
  if refusal then
    return refusal
  end
  local stale = version ~= args[1]
  if stale and not is_second(args[4], args[5]) then
    return STALE_RULES
  end
  under, retention, replay_retention, refused = revision, args[2], args[3], nil
  begin_choices(args[FIRST_REF], text)
  local decisions, contacts = {}, (#args - FIRST + 1) / FIELDS
  begin_run(args[4], args[5])
  if stale and not are_decided(args, contacts) then
    return STALE_RULES
  end
  for at = 1, contacts do
    local from = FIRST + (at - 1) * FIELDS
    decisions[at] = decide(at, contacts, unpack(args, from, from + FIELDS - 1))
    if refused then
      return refused
    end
  end
  return decisions
end
