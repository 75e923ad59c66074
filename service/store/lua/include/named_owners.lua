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

-- The agent of the roster whose id is this one when it is folded; nil: there is none, or more than one. What the index has
-- of agents who are gone is removed, but for runs that only read.
local function agent_folded(folded, only_reads)
  local found = agent_with_id(folded)
  local agent = found and {number = found, id = folded}
  local members = call('ZRANGE', root .. FOLDED, '[' .. folded .. SEPARATOR, '(' .. folded .. ' ', 'BYLEX',
    'LIMIT', 0, SAME_FOLDED)
  for _, member in ipairs(members) do
    local id = string.sub(member, #folded + 2)
    local number = agent_with_id(id)
    if number and agent then
      return nil
    elseif number then
      agent = {number = number, id = id}
    elseif not only_reads then
      call('ZREM', root .. FOLDED, member)
    end
  end
  return agent
end

-- An id as it was written, and folded: what names somebody is that id and, where it differs, SEPARATOR and the same folded.
local function id_as_written(named)
  local mark = string.find(named, SEPARATOR, 1, true)
  return mark and string.sub(named, 1, mark - 1) or named
end

local function id_folded(named)
  local mark = string.find(named, SEPARATOR, 1, true)
  return mark and string.sub(named, mark + 1) or named
end

-- Whether agents can be found by their folded ids: the index is that of the roster, or there is no roster.
local function is_index_usable()
  read_roster_version()
  return roster_version == '0' or is_indexed()
end

-- Finds the owner who is named. Returns a refusal if numbers are lost, or the index would be needed and is not that of the
-- roster.
local function find_owner(named)
  local id = id_as_written(named)
  local number = agent_with_id(id)
  if number then
    owners[named] = {number = number, id = id}
    return
  end
  if are_numbers_lost() then
    return LOST_NUMBERS
  end
  if not is_index_usable() then
    return UNFOLDED_ROSTER
  end
  owners[named] = agent_folded(id_folded(named)) or {id = id}
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
