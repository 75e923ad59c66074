-- Makes agents OFFLINE whose presence lease has ended: as many of them as make one bounded run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  1 if there may be more, else 0

--- @include "strategies"
--- @include "pools"
--- @include "leases"

local OFFLINE = '3'

local now = now_ms()
while work < WORK_A_RUN do
  local number = redis.call('ZRANGEBYSCORE', KEYS[1] .. LEASES, '-inf', now, 'LIMIT', 0, 1)[1]
  if not number then
    break
  end
  redis.call('ZREM', KEYS[1] .. LEASES, number)
  local agent = load_agent(tonumber(number))
  local was_online = agent.online
  redis.call('HSET', KEYS[1] .. AGENT .. number, 'presence', OFFLINE)
  agent.online = false
  follow(agent, was_online, agent.open)
  work = work + 1
end
note_first_lease()
return work >= WORK_A_RUN and 1 or 0
