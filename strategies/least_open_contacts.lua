-- Fewest open contacts relative to weight first; see least_open_contacts.py.

return {
  -- An agent's place in the view changes whenever its open count does.
  follows_open_count = true,

  score = function(agent)
    -- Equal shares give the same number, and different ones different numbers, for all weights to 1,000.
    return math.floor(agent.open * TURN / agent.settings.weight)
  end,
}
