-- A list of contacts: of one owner, or of all.

--- @include "records"
--- @include "named_owners"

local wanted  -- number of the owner whose contacts are listed; nil: of all; 0: of an owner whom no record names
local found, owners  -- ids of contacts and their owners in turn; ids of owners by number

-- Begins a run. The owner is named as in named_owners.lua ('' = all). Returns what it is refused with, if it is; what others have
-- to do first bears on no list.
local function begin_listing(owner)
  wanted, found, owners = nil, {}, {}
  local refusal = begin()
  if refusal == OLD_STATE or refusal == STATE_LOST then
    return refusal
  end
  if owner == '' then
    return nil
  end
  wanted = tonumber(call('HGET', root .. NUMBERS, id_as_written(owner)))
  if wanted then
    return nil
  elseif are_numbers_lost() then
    return LOST_NUMBERS
  elseif not is_index_usable() then
    return UNFOLDED_ROSTER
  end
  local agent = agent_folded(id_folded(owner), true)
  wanted = agent and agent.number or 0
end

-- Lists a contact, if it is to be listed.
local function list(id, packed)
  local _, owner = unpack_record(packed)
  if wanted and (owner ~= wanted or owner == 0) then
    return
  end
  owners[owner] = owners[owner] or id_of_agent(owner)
  found[#found + 1] = id
  found[#found + 1] = owners[owner]
end

local function listed()
  return #found / 2
end

local function listing()
  return found
end
