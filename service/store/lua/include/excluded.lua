-- Agents whom a contact is not to go to, as {numbers (a set, as text), count}. Callers name them as they name owners: an id
-- that differs from an agent's by case alone is that agent's.

--- @include "named_owners"

local agents  -- those whom the run has found, by what names them: a number; false: nobody of the roster

-- Finds the agents of the roster who are named. Returns a refusal if the index of folded ids is needed, and is not that of the
-- roster.
local function find_agents(named)
  local ids = {}
  for at, each in ipairs(named) do
    ids[at] = id_as_written(each)
  end
  for at, number in ipairs(call('HMGET', root .. NUMBERS, unpack(ids))) do
    if number and is_in_roster(tonumber(number)) then
      agents[named[at]] = number
    elseif agents[named[at]] == nil then
      if not is_index_usable() then
        return UNFOLDED_ROSTER
      end
      local agent = agent_folded(id_folded(named[at]))
      agents[named[at]] = agent and tostring(agent.number) or false
    end
  end
end

-- Finds all who are excluded, before anything is changed, of every list: into `found`, by the same keys. Who is not of the roster
-- is passed over. Returns a refusal, if there is one.
local function find_excluded(lists, found)
  if are_numbers_lost() then
    return LOST_NUMBERS
  end
  agents = {}
  for key, named in pairs(lists) do
    local refusal = find_agents(named)
    if refusal then
      return refusal
    end
    local numbers, count = {}, 0
    for _, each in ipairs(named) do
      local number = agents[each]
      if number and not numbers[number] then
        numbers[number], count = true, count + 1
      end
    end
    found[key] = {numbers = numbers, count = count}
  end
end
