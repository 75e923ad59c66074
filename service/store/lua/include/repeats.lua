-- A run that is sent a second time, because the reply to the first was lost: what was decided then is told again.
-- A first run keeps the sequence before its own under its token, for no longer than the second may take. So is what was
-- decided for an earlier call whose caller was not told (untold.lua), once.

--- @include "replays"

local first_before  -- the sequence before those of the first run
local before  -- the sequence before those of what it decided and is not told yet; nil: this run is the first

-- Finds out whether a run with this token is the second.
local function begin_run(token, window)
  local key = root .. RUN .. token
  before = nil
  if not call('SET', key, latest, 'NX', 'PX', window) then
    first_before = tonumber(call('GET', key))
    before = first_before
  end
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

local UNTOLD_MS = 10 * 60 * 1000  -- so long a call about the contact is taken for the one that was asked to come again

-- The decision on record if its caller was not told of it, who is from now on; nil if there is no such.
local function decided_untold(contact)
  if contact.untold and now - contact.time <= UNTOLD_MS then
    save_contact(contact)
    return decision_on(contact, 0)
  end
end
