-- Accepts that the rules of the workspace are lost: from now on it has none, until rules are configured again.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  1; 2 if nothing at all was there of the workspace, which may never have been; 0 if its rules are there, or the loss
--          was accepted before: nothing was done

--- @include "state"

return function()
  local refusal = begin()
  if refusal == STATE_LOST then
    return refusal
  end
  local revision = call('HGET', root, 'revision')
  if revision == '0' or revision and call('EXISTS', root .. RULES) == 1 then
    return 0
  end
  local unknown = call('EXISTS', root, root .. RULES, root .. AGENTS, root .. TEAMS, root .. NUMBERS) == 0
  call('DEL', root .. PREPARED)
  call('HDEL', root, 'incarnation', 'prepared')
  call('HSET', root, 'revision', 0)
  return unknown and 2 or 1
end
