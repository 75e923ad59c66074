-- Notes what rules ask for, each as JSON, and gives it a number by which records refer to it.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     for each: the name by which decisions refer to it, and its text
--
-- Returns  how many are noted by now, these and all before

return function(args)
  for at = 1, #args, 2 do
    local ref, text = args[at], args[at + 1]
    if call('HEXISTS', root, ref) == 0 then
      local number = call('HINCRBY', root, 'choices', 1)
      call('HSET', root, ref, '{"number":' .. number .. ',' .. string.sub(text, 2), '#' .. number, ref)
    end
  end
  return tonumber(call('HGET', root, 'choices'))
end
