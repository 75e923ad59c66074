-- A list of contacts: of one owner, or of all.

--- @include "records"
--- @include "agents"

local wanted  -- number of the owner whose contacts are listed; nil: of all; 0: of an owner whom no record names
local found, owners  -- ids of contacts and their owners in turn; ids of owners by number

local function begin_listing(owner_id)
  wanted, found, owners = nil, {}, {}
  if owner_id ~= '' then
    wanted = tonumber(call('HGET', root .. NUMBERS, owner_id) or 0)
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
