-- Forgets replays.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     what their keys end with: contact id, SEPARATOR, request
--
-- Returns  how many there were

return function(args)
  local there = 0
  for _, each in ipairs(args) do
    there = there + call('DEL', root .. REPLAY .. each)
  end
  return there
end
