-- Reports the presence of agents: as many of them as make one bounded run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     for each agent: id, presence (a value of the contract's enum), lease (ms, 0 = none)
--
-- Returns  how many were done (call again with the rest), then the places among these of agents who are not in the roster
--          (any more), from 1 on: they are passed over

--- @include "state"
--- @include "views"
--- @include "leases"

-- Returns whether the agent is in the roster.
local function report(id, presence, lease)
  local number = call('HGET', root .. NUMBERS, id)
  local agent = number and load_agent(tonumber(number))
  if not (agent and agent.settings) then
    return false
  end
  if lease ~= '0' then
    call('ZADD', root .. LEASES, now + tonumber(lease), number)
  else
    call('ZREM', root .. LEASES, number)
  end
  call('HSET', root .. AGENT .. number, 'presence', presence)
  local was_online = agent.online
  agent.online = tonumber(presence) == ONLINE
  if agent.online ~= was_online then
    follow(agent, was_online, agent.open)
  end
  return true
end

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  if are_numbers_lost() then
    return LOST_NUMBERS
  end
  local done, reply = 0, {0}
  while 3 * done < #args and work < WORK_A_RUN do
    local is_known = report(unpack(args, 3 * done + 1, 3 * done + 3))
    done, work = done + 1, work + 1
    if not is_known then
      reply[#reply + 1] = done
    end
  end
  note_first_lease()
  reply[1] = done
  return reply
end
