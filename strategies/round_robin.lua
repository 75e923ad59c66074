-- Round robin by virtual time; see round_robin.py and rotation.py.

return {
  by_time = true,

  score = function(agent, time)
    return time
  end,
}
