-- A run that is sent a second time, because the reply to the first was lost: what was decided then is told again.
-- A first run keeps the sequence before its own under its token, for no longer than the second may take. So is what was
-- decided for an earlier call whose caller was not told (untold.lua), once.

--- @include "replays"

local first_before  -- the sequence before those of the first run
local before  -- the sequence before those of what it decided and is not told yet; nil: this run is the first

local since  -- since when the first run may have decided; nil: this run is the first, or has a token

-- Finds out whether a run is the second: by its token and how long after the first it may come; or without a token by
-- since when the first one may have run, if there was one.
local function begin_run(token, ms)
  before, since = nil, nil
  if token == '' then
    since = ms ~= '0' and tonumber(ms) or nil
    return
  end
  local key = root .. RUN .. token
  if not call('SET', key, latest, 'NX', 'PX', ms) then
    first_before = tonumber(call('GET', key))
    before = first_before
  end
end

-- Whether a run that is not begun yet is the second.
local function is_second(token, ms)
  return token == '' and ms ~= '0' or token ~= '' and call('EXISTS', root .. RUN .. token) == 1
end

-- What the first run decided about this contact, the one at `at`; nil: nothing, or something took the place of that.
local function decided_before(contact, request, at)
  local sequence = contact.sequence
  if contact.place and contact.outcome ~= 0 and contact.request == request
    and sequence > before and sequence <= first_before + at then
    before = sequence
    return decision_on(contact, 0)
  end
end

-- The decision for this request: an earlier call's, or the first run's, which is told for the first time.
local function decided_for(contact, request)
  local earlier = replay(contact, request)
  if earlier and since and earlier[DECIDED_AT] >= since then
    earlier[IS_REPLAY] = 0
  end
  return earlier
end

local UNTOLD_MS = 10 * 60 * 1000  -- so long a call about the contact is taken for the one that was asked to come again

-- The decision on record if its caller was not told of it, who is from now on; nil if there is no such.
local function decided_untold(contact)
  if contact.untold and now - contact.time <= UNTOLD_MS then
    save_contact(contact)
    return decision_on(contact, 0)
  end
end
