-- Presence leases: who becomes OFFLINE without a report, and when the first of them does (ms; kept beside the revision,
-- so that every run sees without another look whether one is due).

local function note_first_lease()
  local first = call('ZRANGE', root .. LEASES, 0, 0, 'WITHSCORES')
  if first[2] then
    call('HSET', root, 'lease', first[2])
  else
    call('HDEL', root, 'lease')
  end
end
