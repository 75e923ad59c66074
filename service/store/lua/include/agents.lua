-- Agents: settings, which only a configuration changes, and what changes all the time.

--- @include "memo"

-- The agent with this number, and what one more field holds, if one is named. Its settings (nil: it is not in the
-- roster) are {id, name, weight, limit, enabled, pools: {pool: {position, views: [{name, strategy, and what it asks for}]}},
-- follows_assignments: whether the strategy of one of them does}.
local function load_agent(number, turn_field)
  local key = root .. AGENT .. number
  local read = call('HMGET', key, 'settings', 'presence', 'open', turn_field or '')
  return {
    number = number,
    key = key,
    settings = read[1] and unpacked(read[1], cmsgpack.unpack),
    online = tonumber(read[2]) == ONLINE,
    open = tonumber(read[3] or 0),
  }, read[4]
end

-- The number of the agent with this id, given on first sight: an owner need not be in the roster.
local function number_of_agent(id)
  local number = call('HGET', root .. NUMBERS, id)
  if not number then
    number = call('HINCRBY', root, 'agents', 1)
    call('HSET', root .. NUMBERS, id, number)
    call('HSET', root .. AGENT .. number, 'id', id)
  end
  return tonumber(number)
end

local function id_of_agent(number)
  return number ~= 0 and call('HGET', root .. AGENT .. number, 'id') or ''
end
