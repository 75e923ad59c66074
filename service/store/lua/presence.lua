-- Reports the presence of agents: as many of them as make one bounded run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     for each agent: id, presence (a value of the contract's enum), lease (ms, 0 = none)
--
-- Returns  how many were done; call again with the rest. Who is not in the roster (any more) is passed over.

--- @include "state"
--- @include "views"
--- @include "leases"

local function report(number, presence, lease)
  local agent = load_agent(tonumber(number))
  if not agent.settings then
    return
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
end

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  if are_numbers_lost() then
    return LOST_NUMBERS
  end
  local done = 0
  while 3 * done < #args and work < WORK_A_RUN do
    local id, presence, lease = unpack(args, 3 * done + 1, 3 * done + 3)
    local number = call('HGET', root .. NUMBERS, id)
    if number then
      report(number, presence, lease)
    end
    done, work = done + 1, work + 1
  end
  note_first_lease()
  return done
end
