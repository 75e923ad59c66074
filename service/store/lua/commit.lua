-- Puts a rule set or a roster in force, as soon as build.lua has put in place what follows from it.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  revision of the rules this was prepared under
-- ARGV[2]  revision of the roster this was prepared under
-- ARGV[3]  'rules' or 'roster': which of the two is new
-- ARGV[4]  the serialized rule set or roster
-- ARGV[5]  1 if closing a contact takes its owner away
-- ARGV[6]  the rules as the matcher takes them, if they are new
-- ARGV[7]  token of the plan that was staged ('' = nothing else changes)
--
-- Returns  the new revision of what was put in force; 0 if one of the two changed meanwhile, or the plan was staged
--          too long ago: nothing was done

--- @include "state"

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  local rules_revision, roster_revision, which, what, unassign_on_close, prepared, token = unpack(args)
  local staged = root .. STAGED .. token
  if revision ~= rules_revision
    or (call('HGET', root, 'roster_revision') or '0') ~= roster_revision
    or (token ~= '' and call('EXISTS', staged) == 0) then
    return 0
  end
  if token ~= '' then
    call('RENAME', staged, root .. PLAN)
    call('PERSIST', root .. PLAN)
    call('HSET', root, 'building', 1)
  end
  call('SET', root .. (which == 'rules' and RULES or ROSTER), what)
  call('HSET', root, 'unassign_on_close', unassign_on_close)
  local new = call('HINCRBY', root, which == 'rules' and 'revision' or 'roster_revision', 1)
  if which == 'rules' then
    call('SET', root .. PREPARED, prepared)
    call('HSET', root, 'prepared', new)
  end
  return new
end
