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

--- @include "leases"
--- @include "built"

local staged = KEYS[1] .. STAGED .. ARGV[7]
if (redis.call('HGET', KEYS[1], 'revision') or '0') ~= ARGV[1]
  or (redis.call('HGET', KEYS[1], 'roster_revision') or '0') ~= ARGV[2]
  or (ARGV[7] ~= '' and redis.call('EXISTS', staged) == 0) then
  return 0
end
if ARGV[7] ~= '' then
  redis.call('RENAME', staged, KEYS[1] .. PLAN)
  redis.call('PERSIST', KEYS[1] .. PLAN)
  redis.call('HSET', KEYS[1], 'building', 1)
end
redis.call('SET', KEYS[1] .. (ARGV[3] == 'rules' and RULES or ROSTER), ARGV[4])
redis.call('HSET', KEYS[1], 'unassign_on_close', ARGV[5])
local revision = redis.call('HINCRBY', KEYS[1], ARGV[3] == 'rules' and 'revision' or 'roster_revision', 1)
if ARGV[3] == 'rules' then
  redis.call('SET', KEYS[1] .. PREPARED, ARGV[6])
  redis.call('HSET', KEYS[1], 'prepared', revision)
end
return revision
