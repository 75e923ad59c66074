-- Contacts without an owner, for the metrics: those that nobody has owned for too long turn out unassigned.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV[1]  how long a contact that no rule matches may be without an owner (ms)
-- ARGV[2]  how long the record of such a contact is kept (ms)
-- ARGV[3]  how many contacts to look at, at most
--
-- Returns  {1 if there may be more to do, version of the rules, version of the roster,
--          how many turned out unassigned as no agent was available, how many as overdue, how many of all were
--          assigned late; how many there are that no rule has matched so far, and that turned out unassigned; how often an agent
--          was met whose hash is lost}

--- @include "without_owner"

return function(args)
  read_clock()
  local after, retention, most = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
  local trimmed = math.max(trim(UNMATCHED_CONTACTS, retention, most), trim(UNASSIGNED_CONTACTS, retention, most))
  local due = call('ZRANGEBYSCORE', root .. UNMATCHED_CONTACTS, '(' .. now - retention, now - after, 'WITHSCORES',
    'LIMIT', 0, most)
  for at = 1, #due, 2 do
    call('ZREM', root .. UNMATCHED_CONTACTS, due[at])
    call('ZADD', root .. UNASSIGNED_CONTACTS, due[at + 1], due[at])
  end
  if #due > 0 then
    call('HINCRBY', root, 'unassigned_overdue', #due / 2)
  end
  local state = call('HMGET', root, 'revision', 'incarnation', 'roster_revision', 'roster_incarnation',
    'unassigned_no_agent', 'unassigned_overdue', 'assigned_late', 'agents_lost')
  local found = {(trimmed == most or #due == 2 * most) and 1 or 0,
    version_of(state[1], state[2]), version_of(state[3], state[4])}
  for at = 5, 7 do
    found[at - 1] = tonumber(state[at] or 0)
  end
  found[7], found[8] = call('ZCARD', root .. UNMATCHED_CONTACTS), call('ZCARD', root .. UNASSIGNED_CONTACTS)
  found[9] = tonumber(state[8] or 0)
  return found
end
