-- What bears on every run: whether it is refused, the time, and the order of all that happens in the workspace.

-- Sequences, the places in that order, are microseconds since EPOCH by the clock of Redis, or one more than the last
-- where that has not gone on. So they go up also after state was lost or set back (FLUSHALL, an older file, a replica
-- that was behind and is promoted): none comes twice, as long as clocks of the servers that take over from one another
-- agree to within the time that this takes. They stay below 2^53, up to which Lua and JSON count, until the year 2311.
local EPOCH = 1767225600  -- 2026, in seconds since 1970

local now  -- by the clock of Redis, in ms since 1970
local clock  -- and in us since EPOCH
local version  -- of the rules
local settled_until  -- until when settled records may be there (ms)
local merged  -- whether contacts were ever merged; nil: no id stands for another contact
local spare, latest  -- how many sequences are drawn and not used yet, and the last that was

local function read_clock()
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
  clock = (time[1] - EPOCH) * 1000000 + time[2]
end

-- What tells a configuration from every other: its revision, a counter that state which is lost or set back counts anew,
-- and its incarnation, drawn by chance. '0': there is none.
local function version_of(revision, incarnation)
  return revision and incarnation and revision .. '.' .. incarnation or revision or '0'
end

-- Whether the workspace's hash is gone, and something is there that is never there without it: rules, numbers of agents,
-- or contacts. Other fields may have come into being since.
local function is_root_lost(revision, sequence)
  return not revision and (call('EXISTS', root .. RULES) == 1
    or (call('HEXISTS', root, 'agents') == 0 and call('EXISTS', root .. NUMBERS) == 1)
    or (not sequence and call('EXISTS', root .. UNMATCHED_CONTACTS, root .. UNASSIGNED_CONTACTS) > 0))
end

-- Begins a run. Returns what it is refused with, if it is; the text of the choice of this name, if one is named; and the
-- revision of the rules.
local function begin(ref)
  local state = call('HMGET', root, 'revision', 'incarnation', 'building', 'lease', 'settled_until', 'sequence', ref or '',
    'merged')
  read_clock()
  version, settled_until, spare = version_of(state[1], state[2]), tonumber(state[5] or 0), 0
  merged = state[8]
  latest = math.max(tonumber(state[6] or 0), clock - 1)
  if not state[2] then
    if state[1] and state[1] ~= '0' then
      return OLD_STATE
    end
    if is_root_lost(state[1], state[6]) then
      return STATE_LOST
    end
  end
  if state[3] then
    return HALF_BUILT
  end
  if state[4] and tonumber(state[4]) <= now then
    return DUE_LEASES
  end
  return nil, state[7], tonumber(state[1] or 0)
end

-- The next place in the order of everything that happens in the workspace; if none is left, so many are drawn for what
-- comes. Those that are not used are never given.
local function next_sequence(coming)
  if spare == 0 then
    spare = coming or 1
    call('HSET', root, 'sequence', latest + spare)
  end
  spare, latest = spare - 1, latest + 1
  return latest
end
