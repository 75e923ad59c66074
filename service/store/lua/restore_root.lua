-- Puts the workspace's hash back after it was lost alone: rules and roster that are there are in force again, under new
-- versions, and what was counted there begins anew. What rules asked for is noted again by whoever reads them next.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  an incarnation
-- ARGV[2]  the greatest number of an agent or an unknown owner
-- ARGV[3]  1 if closing a contact takes its owner away, by the rules that are there
-- ARGV[4]  1 if these rules are to be dropped, and their loss is accepted
--
-- Returns  1; 0 if nothing is lost: nothing was done

--- @include "state"
--- @include "leases"
--- @include "teams"

local SETTLED_MS = 366 * 24 * 3600 * 1000  -- so long it is looked for records of contacts that are closed or unassigned
-- Whether contacts were ever merged nobody knows: it is always looked whether an id stands for another contact.
-- Records refer to choices by numbers, and nobody knows how many were given. Others are given from here on: more than
-- were ever given one by one, and not again those of another such loss.
local CHOICES, CHOICES_APART, STARTS = 65536, 4096, 2048

local function restore_rules(incarnation, unassign_on_close, dropped)
  if dropped then
    call('DEL', root .. RULES, root .. PREPARED)
    call('HSET', root, 'revision', 0)
  elseif call('EXISTS', root .. RULES) == 1 then
    call('HSET', root, 'revision', 1, 'incarnation', incarnation, 'unassign_on_close', unassign_on_close)
  end
end

return function(args)
  read_clock()
  local state = call('HMGET', root, 'revision', 'sequence')
  if not is_root_lost(state[1], state[2]) then
    return 0
  end
  call('HSET', root, 'choices', CHOICES + CHOICES_APART * (math.floor(now / 1000) % STARTS), 'sequence', clock,
    'settled_until', now + SETTLED_MS, 'merged', 1, 'places', places_in_teams())
  if args[2] ~= '0' then
    call('HSET', root, 'agents', args[2])
  end
  restore_rules(args[1], args[3], args[4] == '1')
  if call('EXISTS', root .. AGENTS, root .. AGENTS_ORDER, root .. TEAMS, root .. TEAMS_ORDER) > 0 then
    call('HSET', root, 'roster_revision', 1, 'roster_incarnation', args[1])
  end
  if call('EXISTS', root .. PLAN) == 1 then
    call('HSET', root, 'building', 1)
  end
  note_first_lease()
  return 1
end
