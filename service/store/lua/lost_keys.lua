-- Which keys of the workspace are lost, as far as others tell; for the audit.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  their suffixes, '' being the workspace's hash

--- @include "state"
--- @include "teams"
--- @readonly

local function exists(suffix)
  return call('EXISTS', root .. suffix) == 1
end

-- One of two keys is gone, or has lost entries, that have something of the same agents or teams.
local function note_half(lost, messages, order)
  local here, there = call('HLEN', root .. messages), call('ZCARD', root .. order)
  if here ~= there then
    lost[#lost + 1] = here < there and messages or order
  end
end

return function()
  local state = call('HMGET', root, 'revision', 'sequence', 'prepared', 'agents', 'places', 'lease', 'unbuilt', 'leases_lost')
  if is_root_lost(state[1], state[2]) then
    return {''}
  end
  local lost = {}
  if state[1] and state[1] ~= '0' then
    lost[1] = not exists(RULES) and RULES or nil
    if state[3] and not exists(PREPARED) then
      lost[#lost + 1] = PREPARED
    end
  end
  note_half(lost, AGENTS, AGENTS_ORDER)
  note_half(lost, TEAMS, TEAMS_ORDER)
  if tonumber(state[5] or 0) ~= places_in_teams() and exists(TEAMS_ORDER) then
    lost[#lost + 1] = TEAM
  end
  if state[7] then
    lost[#lost + 1] = PLAN
  end
  if state[4] and not exists(NUMBERS) then
    lost[#lost + 1] = NUMBERS
  end
  if state[8] or state[6] and not exists(LEASES) then
    lost[#lost + 1] = LEASES
  end
  return lost
end
