-- What bears on every run: whether it is refused, the time, and the order of all that happens in the workspace.

local now  -- by the clock of Redis, in ms since 1970
local version  -- of the rules
local settled_until  -- until when settled records may be there (ms)
local spare, latest  -- how many sequences are drawn and not used yet, and the last that was

local function read_clock()
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What tells a configuration from every other: its revision, a counter that state which is lost or set back counts anew,
-- and its incarnation, drawn by chance ('': it was made by a version of the service that draws none). '0': there is none.
local function version_of(revision, incarnation)
  return revision and incarnation and revision .. '.' .. incarnation or revision or '0'
end

-- Begins a run. Returns what it is refused with, if it is; the text of the choice of this name, if one is named; and the
-- revision of the rules.
local function begin(ref)
  local state = call('HMGET', root, 'revision', 'incarnation', 'building', 'lease', 'settled_until', ref or '')
  read_clock()
  version, settled_until, spare = version_of(state[1], state[2]), tonumber(state[5] or 0), 0
  if state[3] then
    return HALF_BUILT
  end
  if state[4] and tonumber(state[4]) <= now then
    return DUE_LEASES
  end
  return nil, state[6], tonumber(state[1] or 0)
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
