-- Agents: settings, which only a configuration changes, what changes all the time, and their turns in pools.

--- @include "memo"
--- @include "strategies"

-- The agent with this number, and what one more field holds, if one is named. Its settings (nil: it is not in the
-- roster) are {id, name, weight, limit, enabled, pools: {pool: {position, views: [{name, strategy, and what it asks for}]}},
-- follows_assignments: whether the strategy of one of them does}.
local function load_agent(number, turn_field)
  local key = root .. AGENT .. number
  local read = call('HMGET', key, 'settings', 'presence', 'open', turn_field or '')
  return {
    number = tonumber(number),
    key = key,
    settings = read[1] and unpacked(read[1], cmsgpack.unpack),
    online = tonumber(read[2]) == ONLINE,
    open = tonumber(read[3] or 0),
  }, read[4]
end

-- Whether the hash that has the numbers by ids is gone, while some were given. Nobody may be given one then, who may have
-- one: `recall_numbers.lua` puts them back.
local function are_numbers_lost()
  return call('EXISTS', root .. NUMBERS) == 0 and call('HEXISTS', root, 'agents') == 1
end

-- Gives a number to the agent with this id, who has none.
local function new_number(id)
  local number = call('HINCRBY', root, 'agents', 1)
  call('HSET', root .. AGENT .. number, 'id', id)
  return number
end

-- Whether a number, as it is found by id, is that of an owner who was never in the roster: such a one has a plus sign.
local function is_unknown(found)
  return string.byte(found) == 43
end

-- The number of the agent with this id, who is in the roster; given on first sight, and for ever.
local function number_of_agent(id)
  local found = call('HGET', root .. NUMBERS, id)
  local number = tonumber(found or new_number(id))
  if not found or is_unknown(found) then
    call('HSET', root .. NUMBERS, id, number)
    call('ZREM', root .. UNKNOWN, number)
  end
  return number
end

-- Whether the agent with this number is in the roster: one who left it, and an unknown owner, have no settings.
local function is_in_roster(number)
  return call('HEXISTS', root .. AGENT .. number, 'settings') == 1
end

-- The id of an agent whose hash is lost, by a look at all numbers; '' if nobody has this one.
local function id_by_number(number)
  local at, found = '0', nil
  repeat
    at, found = unpack(call('HSCAN', root .. NUMBERS, at, 'COUNT', 1000))
    for each = 2, #found, 2 do
      if tonumber(found[each]) == number then
        return found[each - 1]
      end
    end
  until at == '0'
  return ''
end

local function id_of_agent(number)
  return number == 0 and '' or call('HGET', root .. AGENT .. number, 'id') or id_by_number(number)
end

-- A turn in a pool: {rest = of a turn that did not divide, last = sequence of the last assignment, assigned = how
-- often, times = virtual times in the pool's views, in their order}. See strategies/rotation.py.

-- What breaks ties, so that Redis sorts views the right way: last assignment, position; then, as text, the agent's number.
local MEMBER, MEMBER_BYTES = '>I7I4', 11

-- A turn as it is kept: rest, last, assigned; then each of the times, of which there is one in most pools.
local TURN_HEAD, TIME, TURN_OF_ONE = '>I2I7I5', '>d', '>I2I7I5d'
local TIME_BYTES = 8
local LAST_FROM, LAST_TO = 3, 9  -- where the last assignment stands in a turn; in a member it comes first

local function pack_turn(rest, last, assigned, times)
  local parts = {struct.pack(TURN_HEAD, rest, last, assigned)}
  for at = 1, #times do
    parts[at + 1] = struct.pack(TIME, times[at])
  end
  return table.concat(parts)
end

-- The times that begin there, each moved on so far.
local function times_from(packed, from, step)
  local times = {}
  for at = 1, (#packed - from + 1) / TIME_BYTES do
    times[at] = struct.unpack(TIME, packed, from + (at - 1) * TIME_BYTES) + step
  end
  return times
end

local function turn_of(agent, pool)
  local packed = call('HGET', agent.key, 'turn:' .. pool)
  local rest, last, assigned, from = struct.unpack(TURN_HEAD, packed)
  return {rest = rest, last = last, assigned = assigned, times = times_from(packed, from, 0)}
end

local function save_turn(agent, pool, turn)
  call('HSET', agent.key, 'turn:' .. pool, pack_turn(turn.rest, turn.last, turn.assigned, turn.times))
end

-- As what the views of a pool have the agent.
local function member_of(agent, pool, turn)
  return struct.pack(MEMBER, turn.last, agent.settings.pools[pool].position) .. agent.number
end

-- Moves the agent's virtual time on by 1/weight, in every view of the pool. Returns the turn as it is kept, the time in the
-- first view, and the times in all if there are more.
local function take_turn(packed, weight, sequence)
  local rest, _, assigned, first, ended = struct.unpack(TURN_OF_ONE, packed)
  -- A weight that does not divide TURN leaves a rest, which is carried, so that shares never drift.
  local credit = TURN + rest
  local left = credit % weight
  local step = (credit - left) / weight
  first = first + step
  if ended > #packed then
    return struct.pack(TURN_OF_ONE, left, sequence, assigned + 1, first), first
  end
  local times = times_from(packed, ended - TIME_BYTES, step)
  return pack_turn(left, sequence, assigned + 1, times), first, times
end
