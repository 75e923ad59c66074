-- How many places all teams of the roster have together, counted anew.
local function places_in_teams()
  local places = 0
  for _, team in ipairs(call('ZRANGE', root .. TEAMS_ORDER, 0, -1)) do
    places = places + call('ZCARD', root .. TEAM .. team)
  end
  return places
end
