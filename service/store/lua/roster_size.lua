-- How large the roster is, and what its positions have come to.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
--
-- Returns  {version of the rules, version of the roster, agents, last position of an agent, teams, last position of a
--          team, places in all teams, 1 if a part of the roster is lost}

--- @include "roster"
--- @include "teams"
--- @readonly

local function last_of(order)
  return call('ZREVRANGE', root .. order, 0, 0, 'WITHSCORES')[2] or '0'
end

return function()
  local refusal = begin_with_roster()
  if refusal then
    return refusal
  end
  local state = call('HMGET', root, 'places', 'unbuilt')
  local agents, teams, places = call('HLEN', root .. AGENTS), call('HLEN', root .. TEAMS), tonumber(state[1] or 0)
  local torn = state[2] or agents ~= call('ZCARD', root .. AGENTS_ORDER) or teams ~= call('ZCARD', root .. TEAMS_ORDER)
    or places ~= places_in_teams()
  return {
    version, roster_version, agents, last_of(AGENTS_ORDER), teams, last_of(TEAMS_ORDER), places, torn and 1 or 0,
  }
end
