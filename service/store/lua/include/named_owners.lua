-- Owners whom callers name: the agent of the roster with that id or, where there is none, the one whose id differs from it
-- by case alone; else somebody whom the roster does not know.
--
-- Lua knows the case of ASCII alone. So ids come folded from Python: that of an owner with it, and those of the roster in
-- an index, which is kept as the roster is written (roster_chunks.py). Where it is lost, or a version of the service wrote the
-- roster which keeps none, the roster is indexed when an owner is first looked up in it (fold.lua).

--- @include "folded"
--- @include "unknown_owners"

local SAME_FOLDED = 10  -- how many agents of one folded id are looked at: one and another, and some that are gone

local owners = {}  -- those whom the run has found, by what names them: {number and id}, if they are in the roster

-- The number of the agent of the roster with this id; nil: there is none.
local function agent_with_id(id)
  local number = tonumber(call('HGET', root .. NUMBERS, id))
  return number and is_in_roster(number) and number
end

-- The agent of the roster whose id is this one when it is folded; nil: there is none, or more than one.
local function agent_folded(folded)
  local found = agent_with_id(folded)
  local agent = found and {number = found, id = folded}
  local members = call('ZRANGE', root .. FOLDED, '[' .. folded .. SEPARATOR, '(' .. folded .. ' ', 'BYLEX',
    'LIMIT', 0, SAME_FOLDED)
  for _, member in ipairs(members) do
    local id = string.sub(member, #folded + 2)
    local number = agent_with_id(id)
    if not number then
      call('ZREM', root .. FOLDED, member)
    elseif agent then
      return nil
    else
      agent = {number = number, id = id}
    end
  end
  return agent
end

-- Finds the owner who is named: by an id, and behind SEPARATOR the same folded where that differs. Returns a refusal if numbers
-- are lost, or the index would be needed and is not that of the roster.
local function find_owner(named)
  local mark = string.find(named, SEPARATOR, 1, true)
  local id = mark and string.sub(named, 1, mark - 1) or named
  local number = agent_with_id(id)
  if number then
    owners[named] = {number = number, id = id}
    return
  end
  if are_numbers_lost() then
    return LOST_NUMBERS
  end
  read_roster_version()
  if roster_version ~= '0' then
    if not is_indexed() then
      return UNFOLDED_ROSTER
    end
    owners[named] = agent_folded(mark and string.sub(named, mark + 1) or named)
  end
  owners[named] = owners[named] or {id = id}
end

-- Finds all owners who are named, before anything is changed: every so many words from one on, '' for nobody. Returns a
-- refusal, if there is one.
local function find_owners(args, first, step)
  owners = {}
  for at = first, #args, step do
    local named = args[at]
    if named ~= '' and not owners[named] then
      local refusal = find_owner(named)
      if refusal then
        return refusal
      end
    end
  end
end

-- The number of an owner who was found, the id, and whether that is somebody of the roster; the number of others is as
-- `number_of_owner` gives it.
local function owner_named(named, retention, replay_retention)
  local owner = owners[named]
  if owner.number then
    return owner.number, owner.id, true
  end
  return number_of_owner(owner.id, retention, replay_retention), owner.id, false
end
