-- The open counts that are kept, for the audit.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     first and last of the agents' numbers that are asked about
--
-- Returns  {sequence, number of agents, id, count, id, count, ...}

local answers = {redis.call('HGET', KEYS[1], 'sequence') or 0, redis.call('HGET', KEYS[1], 'agents') or 0}
for number = tonumber(ARGV[1]), math.min(tonumber(ARGV[2]), tonumber(answers[2])) do
  local id, open = unpack(redis.call('HMGET', KEYS[1] .. AGENT .. number, 'id', 'open'))
  answers[#answers + 1] = id
  answers[#answers + 1] = tonumber(open or 0)
end
return answers
