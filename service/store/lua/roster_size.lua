-- How large the roster is, and what its positions have come to.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {version of the rules, version of the roster, agents, last position of an agent, teams, last position of a
--          team, places in all teams}

--- @include "roster"
--- @readonly

local function last_of(order)
  return call('ZREVRANGE', root .. order, 0, 0, 'WITHSCORES')[2] or '0'
end

return function()
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  return {
    version, roster_version,
    call('HLEN', root .. AGENTS), last_of(AGENTS_ORDER), call('HLEN', root .. TEAMS),
    last_of(TEAMS_ORDER), call('HGET', root, 'places') or 0,
  }
end
