-- An agent's turn in a pool: {rest = of a turn that did not divide, last = sequence of the last assignment, assigned = how
-- often, times = virtual times in the pool's views, in their order}. See strategies/rotation.py.

-- What breaks ties, so that Redis sorts views the right way: last assignment, position, then the agent's number.
local MEMBER = '>I5I4I4'

local function turn_of(agent, pool)
  return cmsgpack.unpack(call('HGET', agent.key, 'turn:' .. pool))
end

local function save_turn(agent, pool, turn)
  call('HSET', agent.key, 'turn:' .. pool, cmsgpack.pack(turn))
end

-- As what the views of a pool have the agent.
local function member_of(agent, pool, turn)
  return struct.pack(MEMBER, turn.last, agent.settings.pools[pool].position, agent.number)
end

-- Moves the agent's virtual time on by 1/weight, in every view of the pool.
local function take_turn(weight, turn, sequence)
  -- A weight that does not divide TURN leaves a rest, which is carried, so that shares never drift.
  local credit, times = TURN + turn.rest, turn.times
  local rest = credit % weight
  local step = (credit - rest) / weight
  for at = 1, #times do
    times[at] = times[at] + step
  end
  turn.rest, turn.last, turn.assigned = rest, sequence, turn.assigned + 1
end
