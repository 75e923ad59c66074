-- Round robin by virtual time, which is an agent's score in its views; see round_robin.py and rotation.py.

return {by_time = true}
