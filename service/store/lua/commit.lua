-- Puts a rule set or a roster in force, as soon as build.lua has put in place what follows from it: of a roster, all.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  version of the rules this was prepared under
-- ARGV[2]  version of the roster this was prepared under
-- ARGV[3]  'rules' or 'roster': which of the two is new; 'roster alone': prepared without the rule set, which is lost
-- ARGV[4]  token of the plan that was staged ('' = nothing else changes)
-- ARGV[5]  its incarnation
-- then, if the rules are new: how many choices there were when those of the rules had been noted, the serialized rule
-- set, the rules as the matcher takes them, and 1 if closing a contact takes its owner away
--
-- Returns  the new version of what was put in force; '' if one of the two changed meanwhile, the plan was staged too
--          long ago, or a server has taken over that has not got the choices: nothing was done

--- @include "folded"
--- @include "teams"

-- The plan indexes what changes in the roster; so the index is that of the new one if it was that of the old one.
local function keep_index(next_version)
  if roster_version == '0' or is_indexed() then
    note_indexed(next_version)
  end
end

-- A new roster is whole, also where a part of the one before was lost. Without the rule set nobody knows how its rules
-- look at that roster; so nothing is decided by them any more, not by what replicas have kept of them either.
local function put_roster_in_force(incarnation, alone)
  call('HSET', root, 'roster_incarnation', incarnation, 'places', places_in_teams())
  call('HDEL', root, 'unbuilt')
  if alone then
    call('HSET', root, 'incarnation', incarnation)
    call('HDEL', root, 'prepared')
    call('DEL', root .. PREPARED)
  end
  local next_version = version_of(call('HINCRBY', root, 'roster_revision', 1), incarnation)
  keep_index(next_version)
  return next_version
end

return function(args)
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  local rules_version, under, which, token, incarnation, choices, rule_set, prepared, unassign_on_close = unpack(args)
  local staged = root .. STAGED .. token
  if version ~= rules_version
    or roster_version ~= under
    or (token ~= '' and call('EXISTS', staged) == 0)
    or (choices and tonumber(call('HGET', root, 'choices') or 0) < tonumber(choices)) then
    return ''
  end
  if token ~= '' then
    call('RENAME', staged, root .. PLAN)
    call('PERSIST', root .. PLAN)
    call('HSET', root, 'building', 1)
  end
  if which ~= 'rules' then
    return put_roster_in_force(incarnation, which == 'roster alone')
  end
  local new = call('HINCRBY', root, 'revision', 1)
  call('SET', root .. RULES, rule_set)
  call('SET', root .. PREPARED, prepared)
  call('HSET', root, 'incarnation', incarnation, 'prepared', new, 'unassign_on_close', unassign_on_close)
  return version_of(new, incarnation)
end
