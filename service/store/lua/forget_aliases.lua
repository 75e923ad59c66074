-- Forgets that ids stand for a contact.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     contact id, then the ids that stand for it
--
-- Returns  how many did

return function(args)
  local there = 0
  for at = 2, #args do
    there = there + call('DEL', root .. ALIAS .. args[at])
    call('HDEL', root .. ALIASES .. args[1], args[at])
  end
  return there
end
