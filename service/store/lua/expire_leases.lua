-- Makes agents OFFLINE whose presence lease has ended: as many of them as make one bounded run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  1 if there may be more, else 0

--- @include "state"
--- @include "views"
--- @include "leases"

return function()
  read_clock()
  if call('HEXISTS', root, 'lease') == 1 and call('EXISTS', root .. LEASES) == 0 then
    call('HSET', root, 'leases_lost', 1)  -- only the next reports tell who is there; the audit says so
  end
  while work < WORK_A_RUN do
    local number = call('ZRANGEBYSCORE', root .. LEASES, '-inf', now, 'LIMIT', 0, 1)[1]
    if not number then
      break
    end
    call('ZREM', root .. LEASES, number)
    local agent = load_agent(tonumber(number))
    local was_online = agent.online
    call('HSET', root .. AGENT .. number, 'presence', OFFLINE)
    agent.online = false
    follow(agent, was_online, agent.open)
    work = work + 1
  end
  note_first_lease()
  return work >= WORK_A_RUN and 1 or 0
end
