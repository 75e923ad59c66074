-- A contact's record: who owns it, whether it is open, and the latest decision about it with its request.
-- Open ones lie in buckets, the others (closed, or unassigned) in keys of their own, which expire.

--- @include "state"
--- @include "memo"
--- @include "aliases"

-- Flags, owner, choice, revision, sequence, time; then the request, see `Case` in values.py. Nearly all are small numbers and owned by the
-- agent who was chosen, and the sequence is given by how far it is ahead of the time; the others take the wide form, in
-- which that agent comes last.
local RECORD = '>BI2I2I2I2I6'
local WIDE_RECORD = '>BI3I3I4I7I6I3'
local FITS_2 = 65536
local UNASSIGNED, OPENED, CLOSED = 0, 1, 2
local NAMED = UNASSIGNED  -- of a contact with an owner: somebody named that, and it was never open
local UNTOLD = 3  -- OPENED, and the caller was not told of the decision on record
local LEFT = CLOSED  -- of a contact without an owner: UNASSIGNED, and a rule left it so

local EPOCH_MS = EPOCH * 1000  -- the least sequence that comes at a time (ms) is (time - EPOCH_MS) * 1000

-- flags: state + 4 * outcome + 32 * (whether the decision has a reply) + 64 * (whether the form is the wide one)
local function unpack_record(packed)
  if string.byte(packed) < 64 then
    local flags, owner, choice, under, ahead, time, rest = struct.unpack(RECORD, packed)
    return flags, owner, owner, choice, under, (time - EPOCH_MS) * 1000 + ahead, time, rest
  end
  local flags, owner, choice, under, sequence, time, agent, rest = struct.unpack(WIDE_RECORD, packed)
  return flags - 64, owner, agent, choice, under, sequence, time, rest
end

local function pack_record(contact, untold)
  local state = contact.owner == 0 and contact.left and LEFT or contact.state
  local flags = (untold and UNTOLD or state) + 4 * contact.outcome + (contact.has_reply and 32 or 0)
  local owner, choice, under = contact.owner, contact.choice, contact.revision
  local ahead = contact.sequence - (contact.time - EPOCH_MS) * 1000
  if contact.agent == owner and owner < FITS_2 and choice < FITS_2 and under < FITS_2 and ahead < FITS_2 and ahead >= 0 then
    return struct.pack(RECORD, flags, owner, choice, under, ahead, contact.time) .. contact.request
  end
  return struct.pack(WIDE_RECORD, flags + 64, owner, choice, under, contact.sequence, contact.time, contact.agent)
    .. contact.request
end

local loaded = {}  -- the contact a run is at: one table for all, since a new one for each is work, and more to clear away

-- The record under an id, packed, and the place where it lies.
local function find_record(id, bucket)
  local packed, place = call('HGET', root .. OPEN .. bucket, id), OPEN
  if not packed and now <= settled_until then
    packed, place = call('GET', root .. SETTLED .. id), SETTLED
  end
  return packed, place
end

-- The contact as it is on record, until the next is loaded; `place` is nil if nothing is. `asked` is the id that was asked
-- for, which differs from its `id` if it stands for another contact.
local function load_contact(id, bucket)
  local asked, packed, place = id, find_record(id, bucket)
  if not packed and merged then
    local holds, in_bucket = alias(id)
    if holds then
      id, bucket = holds, in_bucket
      packed, place = find_record(id, bucket)
    end
  end
  local flags, owner, agent, choice, under, sequence, time, rest = 0, 0, 0, 0, 0, 0, 0, 1
  if packed then
    flags, owner, agent, choice, under, sequence, time, rest = unpack_record(packed)
  end
  local contact = loaded
  contact.id, contact.bucket, contact.asked, contact.place = id, bucket, asked, packed and place
  contact.untold = flags % 4 == UNTOLD
  contact.left = owner == 0 and flags % 4 == LEFT
  contact.state = contact.untold and OPENED or contact.left and UNASSIGNED or flags % 4
  contact.outcome, contact.has_reply = math.floor(flags / 4) % 8, flags >= 32
  contact.owner, contact.agent, contact.choice = owner, agent, choice
  contact.revision, contact.sequence, contact.time = under, sequence, time
  contact.request = packed and string.sub(packed, rest) or ''
  return contact
end

-- The id of the contact that was loaded, if another id was asked for; else nil.
local function id_that_holds()
  return loaded.asked ~= loaded.id and loaded.id or nil
end

-- Notes until when there may be settled records, which nobody then looks for; seldom, by looking far ahead.
local function note_settled(retention)
  if settled_until < now + retention then
    settled_until = math.ceil(now + 1.25 * retention)
    call('HSET', root, 'settled_until', settled_until)
  end
end

-- Removes the record from where it lies.
local function remove_record(contact)
  if contact.place == OPEN then
    call('HDEL', root .. OPEN .. contact.bucket, contact.id)
  elseif contact.place then
    call('DEL', root .. SETTLED .. contact.id)
  end
end

-- Writes the record; if the contact is not open, for so long (ms). `untold`: the caller was not told of the decision.
local function save_contact(contact, retention, untold)
  local packed = pack_record(contact, untold)
  local place = contact.state == OPENED and OPEN or SETTLED
  if contact.place ~= place then
    remove_record(contact)
  end
  if place == OPEN then
    call('HSET', root .. OPEN .. contact.bucket, contact.id, packed)
  else
    note_settled(tonumber(retention))
    call('SET', root .. SETTLED .. contact.id, packed, 'PX', retention)
  end
  if merged and (place == SETTLED or contact.place ~= OPEN) then
    keep_aliases(contact.id, place == SETTLED and retention)
  end
  contact.place = place
end

-- What rules ask for: {number, pool, view: {name, strategy, and what it asks for}, rule_id, team_id, fallback}, in JSON.
-- Decisions call it by name, records by number.

local first, first_text  -- a choice that came with all that bears on the run: its name and text
local texts  -- of others that this run has read, by name

local function begin_choices(ref, text)
  first, first_text, texts = ref, text, nil
end

-- The choice of this name: its text, and what that says.
local function choice_called(ref)
  if ref == first then
    return first_text, unpacked(first_text, cjson.decode)
  end
  texts = texts or {}
  local text = texts[ref]
  if not text then
    text = call('HGET', root, ref)
    texts[ref] = text
  end
  return text, unpacked(text, cjson.decode)
end

-- The text of the choice with this number; '' for 0, which stands for none, and for one that is lost.
local function choice_numbered(number)
  if number == 0 then
    return ''
  end
  local ref = call('HGET', root, '#' .. number)
  return ref and call('HGET', root, ref) or ''  -- they are not put back with the workspace's hash
end

-- A decision, as scripts return it; the last is 1 if the contact was owned already, by nobody of the roster.
local DECISION_AGENT, DECIDED_AT, IS_REPLAY, OWNER_UNKNOWN, HOLDS = 2, 6, 7, 9, 10  -- where these stand in it
local function decision(outcome, agent_id, choice, under, sequence, time, replayed, reply)
  return {outcome, agent_id, choice, under, sequence, time, replayed, reply, 0}
end

local function reply_of(contact)
  return contact.has_reply and call('GET', root .. REPLY .. contact.id) or ''
end
