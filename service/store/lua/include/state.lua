-- What bears on every run: whether it is refused, the time, and the order of all that happens in the workspace.

local now  -- by the clock of Redis, in ms since 1970
local revision  -- of the rules, as text
local settled_until  -- until when settled records may be there (ms)
local spare, latest  -- how many sequences are drawn and not used yet, and the last that was

local function read_clock()
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Begins a run. Returns what it is refused with, if it is, and else the text of the choice of this name, if one is named.
local function begin(ref)
  local state = call('HMGET', root, 'revision', 'building', 'lease', 'settled_until', ref or '')
  read_clock()
  revision, settled_until, spare = state[1] or '0', tonumber(state[4] or 0), 0
  if state[2] then
    return HALF_BUILT
  end
  if state[3] and tonumber(state[3]) <= now then
    return DUE_LEASES
  end
  return nil, state[5]
end

-- Draws so many places in the order of everything that happens in the workspace.
local function draw_sequences(count)
  spare, latest = count, call('HINCRBY', root, 'sequence', count) - count
end

-- The next place in that order; drawn, if none is left, with those of so many that come.
local function next_sequence(coming)
  if spare == 0 then
    draw_sequences(coming or 1)
  end
  spare, latest = spare - 1, latest + 1
  return latest
end

-- Gives back what was drawn and not used.
local function return_sequences()
  if spare > 0 then
    call('HINCRBY', root, 'sequence', -spare)
    spare = 0
  end
end
