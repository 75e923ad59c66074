-- A list of contacts: of one owner, or of all.

--- @include "records"
--- @include "agents"

local wanted  -- number of the owner whose contacts are listed; nil: of all; 0: of an owner whom no record names
local found, owners  -- ids of contacts and their owners in turn; ids of owners by number

-- Begins a run. Returns what it is refused with, if it is; what others have to do first bears on no list.
local function begin_listing(owner_id)
  wanted, found, owners = nil, {}, {}
  local refusal = begin()
  if refusal == OLD_STATE or refusal == STATE_LOST then
    return refusal
  end
  if owner_id ~= '' then
    wanted = tonumber(call('HGET', root .. NUMBERS, owner_id) or 0)
    return wanted == 0 and are_numbers_lost() and LOST_NUMBERS or nil
  end
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
