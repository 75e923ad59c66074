-- Fewest open contacts relative to weight first; see least_open_contacts.py.

return {
  -- An agent's place in the view changes whenever its open count does.
  follows_open_count = true,

  score = function(agent, turn, clock)
    -- Equal shares give the same number, and different ones different numbers, for all weights to 1,000.
    return math.floor(agent.open * TURN / agent.weight)
  end,

  pick = function(view, clock)
    return redis.call('ZRANGE', view, 0, 0)[1]
  end,

  advance = function(agent, turn, clock, others)
    return clock
  end,
}
