-- A contact's record: who owns it, whether it is open, and the latest decision about it with its request id.
-- Open ones lie in buckets, the others (closed, or unassigned) in keys of their own, which expire.

-- Flags, owner, choice, revision, sequence, time; then the request id. Nearly all are small numbers and owned by the
-- agent who was chosen; the others take the wide form, in which that agent comes last.
local RECORD = '>BI2I2I2I4I6'
local WIDE_RECORD = '>BI3I3I4I5I6I3'
local FITS_2, FITS_4 = 65536, 4294967296
local DECISION = '>BI3I3I4I5I6'  -- outcome, agent, choice, revision, sequence, time; then the reply
local UNASSIGNED, OPENED, CLOSED = 0, 1, 2
local ASSIGNED, ALREADY_ASSIGNED, NO_AGENT_AVAILABLE, NO_RULE_MATCHED = 1, 2, 3, 4

-- flags: state + 4 * outcome + 32 * (whether the decision has a reply) + 64 * (whether the form is the wide one)
local function unpack_record(packed)
  if string.byte(packed) < 64 then
    local flags, owner, choice, revision, sequence, time, rest = struct.unpack(RECORD, packed)
    return flags, owner, owner, choice, revision, sequence, time, rest
  end
  local flags, owner, choice, revision, sequence, time, agent, rest = struct.unpack(WIDE_RECORD, packed)
  return flags - 64, owner, agent, choice, revision, sequence, time, rest
end

local function pack_record(contact)
  local flags = contact.state + 4 * contact.outcome + (contact.has_reply and 32 or 0)
  if contact.agent == contact.owner and contact.owner < FITS_2 and contact.choice < FITS_2
    and contact.revision < FITS_2 and contact.sequence < FITS_4 then
    return struct.pack(RECORD, flags, contact.owner, contact.choice, contact.revision, contact.sequence,
      contact.time) .. contact.request
  end
  return struct.pack(WIDE_RECORD, flags + 64, contact.owner, contact.choice, contact.revision, contact.sequence,
    contact.time, contact.agent) .. contact.request
end

local function load_contact(id, bucket)
  local packed = redis.call('HGET', KEYS[1] .. OPEN .. bucket, id)
  local place = packed and OPEN
  if not packed then
    packed = redis.call('GET', KEYS[1] .. SETTLED .. id)
    place = packed and SETTLED
  end
  local flags, owner, agent, choice, revision, sequence, time, rest = 0, 0, 0, 0, 0, 0, 0, 1
  if packed then
    flags, owner, agent, choice, revision, sequence, time, rest = unpack_record(packed)
  end
  return {
    id = id,
    bucket = bucket,
    place = place,
    state = flags % 4,
    owner = owner,
    outcome = math.floor(flags / 4) % 8,
    has_reply = flags >= 32,
    agent = agent,
    choice = choice,
    revision = revision,
    sequence = sequence,
    time = time,
    request = packed and string.sub(packed, rest) or '',
  }
end

local function save_contact(contact, retention)
  local packed = pack_record(contact)
  local place = contact.state == OPENED and OPEN or SETTLED
  if contact.place and contact.place ~= place then
    if contact.place == OPEN then
      redis.call('HDEL', KEYS[1] .. OPEN .. contact.bucket, contact.id)
    else
      redis.call('DEL', KEYS[1] .. SETTLED .. contact.id)
    end
  end
  if place == OPEN then
    redis.call('HSET', KEYS[1] .. OPEN .. contact.bucket, contact.id, packed)
  else
    redis.call('SET', KEYS[1] .. SETTLED .. contact.id, packed, 'PX', retention)
  end
  contact.place = place
end

local function reply_of(contact)
  return contact.has_reply and redis.call('GET', KEYS[1] .. REPLY .. contact.id) or ''
end

-- What a rule asks for, by the name that decisions call it by: its text, and what that says.
local function choice_called(ref)
  local text = redis.call('HGET', KEYS[1] .. CHOICES, ref)
  return text, cjson.decode(text)
end

-- The text of what the rule of an earlier decision asked for; records refer to it by number (0: no rule matched).
local function choice_numbered(number)
  if number == 0 then
    return ''
  end
  return redis.call('HGET', KEYS[1] .. CHOICES, redis.call('HGET', KEYS[1] .. CHOICES, '#' .. number))
end

local function id_of_agent(number)
  return number ~= 0 and redis.call('HGET', KEYS[1] .. AGENT .. number, 'id') or ''
end

-- What scripts answer for a decision.
local function answer(outcome, agent, choice, revision, sequence, time, replayed, reply)
  return {outcome, agent, choice, revision, sequence, time, replayed, reply}
end

-- The next place in the order of everything that happens in the workspace.
local function next_sequence()
  return redis.call('HINCRBY', KEYS[1], 'sequence', 1)
end
