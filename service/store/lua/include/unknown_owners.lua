-- Unknown owners: callers may name owners who were never in the roster. Such a one has a number, too, which goes with all
-- else when no record can refer to it any more.

--- @include "agents"

local FORGOTTEN_AT_ONCE = 2  -- more than the one that is added, so that those whom nothing refers to dwindle

-- Notes that records without an open conversation refer to an owner for so long (ms) from now on, or will.
local function keep_unknown(number, retention)
  call('ZADD', root .. UNKNOWN, now + retention, number)
end

-- Forgets the owner, unless it is known, or has contacts open: then closing the last of them notes it again.
local function forget_unknown(number)
  local id, open, settings = unpack(call('HMGET', root .. AGENT .. number, 'id', 'open', 'settings'))
  call('ZREM', root .. UNKNOWN, number)
  if id and not settings and tonumber(open or 0) == 0 and call('HGET', root .. NUMBERS, id) == '+' .. number then
    call('HDEL', root .. NUMBERS, id)
    call('DEL', root .. AGENT .. number)
  end
end

-- The number of an owner whom the caller names, given on first sight. Then some others are forgotten whose records are gone,
-- and the replays (kept for so long, ms) of decisions about them, too. nil: numbers are lost.
local function number_of_owner(id, retention, replay_retention)
  local found = call('HGET', root .. NUMBERS, id)
  if found and not is_unknown(found) then
    return tonumber(found)
  end
  local number = found and tonumber(found)
  if not number then
    if are_numbers_lost() then
      return nil
    end
    local gone = call('ZRANGEBYSCORE', root .. UNKNOWN, '-inf', now - replay_retention, 'LIMIT', 0, FORGOTTEN_AT_ONCE)
    for _, each in ipairs(gone) do
      forget_unknown(each)
    end
    number = new_number(id)
    call('HSET', root .. NUMBERS, id, '+' .. number)
  end
  keep_unknown(number, retention)
  return number
end
