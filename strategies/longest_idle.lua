-- Longest since the last assignment from any pool first; see longest_idle.py.

return {
  -- An agent's place in the view changes with every assignment, in whatever pool.
  follows_assignments = true,

  score = function(agent)
    agent.last = agent.last or tonumber(call('HGET', agent.key, 'last') or 0)
    return agent.last
  end,
}
