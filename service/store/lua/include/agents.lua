-- Agents: settings, which only a configuration changes, and what changes all the time.

--- @include "memo"

-- The agent with this number, and with its packed turn in a pool, if one is named. Its settings (nil: it is not in the
-- roster) are {name, weight, limit, enabled, pools: {pool: {position, views: [{name, strategy, and what it asks for}]}},
-- follows_assignments: whether the strategy of one of them does}.
local function load_agent(number, pool)
  local read = redis.call('HMGET', root .. AGENT .. number, 'id', 'settings', 'presence', 'open', 'turn:' .. (pool or ''))
  return {
    number = number,
    id = read[1],
    settings = read[2] and unpacked(read[2], cmsgpack.unpack),
    online = tonumber(read[3]) == ONLINE,
    open = tonumber(read[4] or 0),
  }, read[5]
end

-- The number of the agent with this id, given on first sight: an owner need not be in the roster.
local function number_of_agent(id)
  local number = redis.call('HGET', root .. NUMBERS, id)
  if not number then
    number = redis.call('HINCRBY', root, 'agents', 1)
    redis.call('HSET', root .. NUMBERS, id, number)
    redis.call('HSET', root .. AGENT .. number, 'id', id)
  end
  return tonumber(number)
end

local function id_of_agent(number)
  return number ~= 0 and redis.call('HGET', root .. AGENT .. number, 'id') or ''
end
