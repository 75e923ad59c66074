-- How many contacts an agent has open: changes only with a contact's record.

--- @include "views"

local function change_open(number, by)
  local agent = load_agent(number)
  local before = agent.open
  agent.open = before + by
  call('HSET', root .. AGENT .. number, 'open', agent.open)
  follow(agent, agent.online, before)
end

-- Gives the owner's place back, or takes one, when a contact's state or owner changes.
local function release(number)
  change_open(number, -1)
end

local function occupy(number)
  change_open(number, 1)
end
