-- Reports the presence of agents: as many of them as make one bounded run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     for each agent: id, presence (1 online, 2 busy, 3 offline), lease (ms, 0 = none)
--
-- Returns  how many were done; call again with the rest. Who is not in the roster (any more) is passed over.

--- @include "leases"
--- @include "built"
--- @include "strategies"
--- @include "pools"

local now, done = now_ms(), 0
while 3 * done < #ARGV and work < WORK_A_RUN do
  local id, presence, lease = unpack(ARGV, 3 * done + 1, 3 * done + 3)
  local number = redis.call('HGET', KEYS[1] .. NUMBERS, id)
  local agent = number and load_agent(tonumber(number))
  if agent and agent.weight then
    if lease ~= '0' then
      redis.call('ZADD', KEYS[1] .. LEASES, now + tonumber(lease), number)
    else
      redis.call('ZREM', KEYS[1] .. LEASES, number)
    end
    redis.call('HSET', KEYS[1] .. AGENT .. number, 'presence', presence)
    local was_online = agent.online
    agent.online = presence == ONLINE
    if agent.online ~= was_online then
      follow(agent, was_online, agent.open)
    end
  end
  done, work = done + 1, work + 1
end
note_first_lease()
return done
