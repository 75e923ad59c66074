-- How many contacts an agent has open: changes only with a contact's record.

--- @include "views"
--- @include "unknown_owners"

local function change_open(number, by)
  local agent = load_agent(number)
  local before = agent.open
  agent.open = before + by
  call('HSET', root .. AGENT .. number, 'open', agent.open)
  follow(agent, agent.online, before)
  return agent
end

-- Gives the owner's place back when a contact's state or owner changes. The record may name it for so long (ms).
local function release(number, retention)
  local agent = change_open(number, -1)
  if not agent.settings and agent.open == 0 then
    keep_unknown(number, retention)
  end
end

-- Takes a place for the owner.
local function occupy(number)
  change_open(number, 1)
end
