-- Round robin by virtual time; see round_robin.py.
--
-- A view is a sorted set of the eligible. An agent's score is its virtual time while that is ahead of the pool's
-- clock, else 0: everyone at 0 stands at the clock, however far the clock has moved since. Equal scores stand in
-- the order of the members (longest since the last assignment, then position), as Redis sorts them anyway.

-- How many agents that the clock has caught up with are moved to 0 in one run.
local CATCH_UP = 64

return {
  follows_open_count = false,

  score = function(agent, turn, clock)
    if turn.time <= clock then
      return 0
    end
    return turn.time
  end,

  -- Returns the first member and the least virtual time among the others (nil: there are none);
  -- nothing if nobody is eligible; nil and true if it has to be called again.
  pick = function(view, clock)
    local top = redis.call('ZRANGE', view, 0, 1, 'WITHSCORES')
    if #top == 0 then
      return nil
    end
    local first, second = tonumber(top[2]), tonumber(top[4])
    if first >= clock and first > 0 then
      return top[1], false, second
    end
    -- The clock may have passed agents of this view while another view of the pool decided.
    local now = string.format('%.0f', clock)
    local passed = redis.call('ZRANGEBYSCORE', view, '(0', '(' .. now, 'LIMIT', 0, CATCH_UP)
    for i = 1, #passed do
      redis.call('ZADD', view, 0, passed[i])
    end
    if #passed == CATCH_UP then
      return nil, true
    end
    if #passed > 0 then
      top = redis.call('ZRANGE', view, 0, 1, 'WITHSCORES')
      second = tonumber(top[4])
    end
    local level = redis.call('ZRANGEBYSCORE', view, now, now, 'LIMIT', 0, 1)[1]
    if clock > 0 and level and level < top[1] then
      return level, false, clock
    end
    return top[1], false, second and math.max(second, clock)
  end,

  -- Moves the turn on and returns the pool's new clock. `others` is the least virtual time among the others.
  advance = function(agent, turn, clock, others)
    -- A weight that does not divide TURN leaves a rest, which is carried, so that shares never drift.
    local credit = TURN + turn.rest
    turn.rest = credit % agent.weight
    turn.time = math.max(turn.time, clock) + (credit - turn.rest) / agent.weight
    return math.max(clock, math.min(turn.time, others or turn.time))
  end,
}
