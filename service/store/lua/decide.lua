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
--   contact id, its bucket, owner as the caller knows it (see named_owners.lua; '' = nobody), which owned contact the
--   event opens (see `Opens` in values.py), request (see `Case` there; '' = none), name of what the rule asks for
--   ('' = no rule matched), reply ('' = none), in which SEPARATOR stands for the agent's name
-- and last, if some of these contacts are not to go to some agents: those, named as owners are, by the contact's place among
--   the contacts, as JSON ({"1": ["ann", "bob"]}); unknown ones are passed over
--
-- Returns  a decision for each contact, and in it the id that holds, if that is another than the one given

--- @include "repeats"
--- @include "choosing"
--- @include "open_counts"
--- @include "excluded"
--- @include "without_owner"

local FIELDS, FIRST = 7, 6  -- words a contact, and where the first begins
local FIRST_OWNER, FIRST_REF = FIRST + 2, FIRST + 5  -- where that names its owner, and what its rule asks for
local retention, replay_retention, under
local refused  -- what the run is refused with, as it turns out in its middle

-- What an event leaves an owned contact. One that merely names an owner opens nothing: uploads and traits say who owns a
-- contact, and not that anybody is talking to it.
local function state_after(contact, opens)
  local is_new = contact.owner == 0 or contact.state == NAMED
  if opens == OPENS_ANY or (opens == OPENS_NEW and is_new) then
    return OPENED
  end
  return is_new and NAMED or contact.state
end

-- Keeps what was decided for the id that was asked for, if it stands for this contact: a retry may come when it stands for
-- another one.
local function keep_for_alias(contact, request, ...)
  if request ~= '' and contact.asked ~= contact.id then
    keep_replay(contact.asked, request, replay_retention, ...)
  end
end

-- The contact is owned: the record follows the caller's owner, and an opened conversation is counted.
local function keep_owner(contact, named, opens, request, sequence)
  local owner, owner_id, known
  if named ~= '' then
    owner, owner_id, known = owner_named(named, retention, replay_retention)
  else
    owner, owner_id, known = contact.owner, id_of_agent(contact.owner), is_in_roster(contact.owner)
  end
  local state = state_after(contact, opens)
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
  elseif state ~= OPENED then
    -- Whoever is heard of is kept for as long from then on, and so is who owns it.
    save_contact(contact, retention)
    if not known then
      keep_unknown(owner, retention)
    end
  end
  if request ~= '' then
    keep_replay(contact.id, request, replay_retention, ALREADY_ASSIGNED, owner, 0, under, sequence, now, '')
  end
  keep_for_alias(contact, request, ALREADY_ASSIGNED, owner, 0, under, sequence, now, '')
  local decided = decision(ALREADY_ASSIGNED, owner_id, '', under, sequence, now, 0, '')
  decided[OWNER_UNKNOWN] = known and 0 or 1
  return decided
end

-- The reply with the agent's name in it, kept for replays.
local function fill_in(id, reply, agent)
  local filled = string.gsub(reply, SEPARATOR, function() return agent.settings.name end)
  call('SET', root .. REPLY .. id, filled, 'PX', replay_retention)
  return filled
end

local function decide_by_rules(contact, request, ref, reply, sequence, at, excluded)
  local outcome, agent, text, choice = NO_RULE_MATCHED, nil, '', nil
  if ref ~= '' then
    text, choice = choice_called(ref)
    agent = not choice.nobody and choose(choice, sequence, excluded)
    if not agent and not choice.nobody and at == 1 and is_due_to_check(choice, excluded) then
      refused = CHECK_VIEWS
      return
    end
    outcome = agent and ASSIGNED or choice.nobody and LEFT_UNASSIGNED or NO_AGENT_AVAILABLE
  end
  if not agent then
    note_without_owner(contact, outcome, retention)
  elseif contact.place and forget_without_owner(contact) then
    call('HINCRBY', root, 'assigned_late', 1)
  end
  set_aside(contact, replay_retention)
  reply = (agent and reply ~= '') and fill_in(contact.id, reply, agent) or ''
  contact.owner = agent and agent.number or 0
  contact.state = agent and OPENED or UNASSIGNED
  contact.left = outcome == LEFT_UNASSIGNED or outcome == NO_RULE_MATCHED and contact.left
  contact.outcome, contact.agent, contact.choice = outcome, contact.owner, choice and choice.number or 0
  contact.has_reply, contact.request = reply ~= '', request
  contact.revision, contact.sequence, contact.time = under, sequence, now
  save_contact(contact, retention)
  keep_for_alias(contact, request, outcome, contact.agent, contact.choice, under, sequence, now, reply)
  return decision(outcome, agent and agent.settings.id or '', text, under, sequence, now, 0, reply)
end

-- Decides about one contact, the one at `at` of so many, which is not to go to the excluded (nil: none).
local function decide(at, contacts, excluded, id, bucket, named, opens, request, ref, reply)
  local contact = load_contact(id, bucket)
  local earlier = before and decided_before(contact, request, at)
    or request ~= '' and contact.place and decided_for(contact, request)
    or request == '' and named == '' and decided_untold(contact)
  if earlier then
    return earlier
  end
  local sequence = next_sequence(contacts - at + 1)
  if named ~= '' or contact.owner ~= 0 then
    return keep_owner(contact, named, opens, request, sequence)
  end
  return decide_by_rules(contact, request, ref, reply, sequence, at, excluded)
end

-- Whether each contact is decided about, or has an owner: so the rules bear on none of them any more.
local function are_decided(args, contacts)
  local begun = before
  for at = 1, contacts do
    local from = FIRST + (at - 1) * FIELDS
    local id, bucket, named, _, request = unpack(args, from, from + FIELDS - 1)
    local contact = load_contact(id, bucket)
    local decided = named ~= '' or contact.owner ~= 0 or before and decided_before(contact, request, at)
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
  local decisions, contacts = {}, math.floor((#args - FIRST + 1) / FIELDS)
  local excluded = {}
  refusal = find_owners(args, FIRST_OWNER, FIELDS)
  if not refusal and FIRST + contacts * FIELDS == #args then
    refusal = find_excluded(cjson.decode(args[#args]), excluded)
  end
  if refusal then
    return refusal
  end
  under, retention, replay_retention, refused = revision, args[2], args[3], nil
  begin_choices(args[FIRST_REF], text)
  begin_run(args[4], args[5])
  if stale and not are_decided(args, contacts) then
    return STALE_RULES
  end
  for at = 1, contacts do
    local from = FIRST + (at - 1) * FIELDS
    decisions[at] = decide(at, contacts, excluded[tostring(at)], unpack(args, from, from + FIELDS - 1))
    if refused then
      return refused
    end
    decisions[at][HOLDS] = id_that_holds()
  end
  return decisions
end
