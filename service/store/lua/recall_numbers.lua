-- Puts back the numbers of agents and unknown owners by their ids, which was lost, from the hashes of some of them: in a
-- hash of its own, which takes its place when all of them have been asked.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     first and last of the numbers that are asked about
--
-- Returns  number to go on with; 0: that was all, or nothing is lost

--- @include "agents"

local KEPT_MS = 60000  -- so long what was recalled lies there if nobody goes on

local function recall(number)
  local id, settings, former = unpack(call('HMGET', root .. AGENT .. number, 'id', 'settings', 'former'))
  if id and (settings or former) then
    call('HSET', root .. RECALLED, id, number)
  elseif id and call('HEXISTS', root .. RECALLED, id) == 0 then
    call('HSET', root .. RECALLED, id, '+' .. number)  -- who never was in the roster, or has left no trace there
  end
end

return function(args)
  if not are_numbers_lost() then
    call('DEL', root .. RECALLED)
    return 0
  end
  local given, last = tonumber(call('HGET', root, 'agents')), tonumber(args[2])
  for number = tonumber(args[1]), math.min(last, given) do
    recall(number)
  end
  if last < given then
    call('PEXPIRE', root .. RECALLED, KEPT_MS)
    return last + 1
  end
  if call('EXISTS', root .. RECALLED) == 1 then
    call('RENAME', root .. RECALLED, root .. NUMBERS)
    call('PERSIST', root .. NUMBERS)
  else
    call('HDEL', root, 'agents')  -- all were unknown owners whom nothing refers to any more
  end
  return 0
end
