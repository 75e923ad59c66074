-- Open contacts, as many whole buckets as make one bounded run.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     number of the first bucket, of the one where to end, owner's id ('' = of all), after how many contacts to stop
--
-- Returns  {bucket where to go on, {contact id, owner's id, contact id, ...}}

--- @include "listing"
--- @readonly

local BUCKETS_A_RUN, CONTACTS_A_RUN = 1024, 1000  -- about a millisecond

local function list_bucket(bucket)
  local key, cursor, records = root .. OPEN .. bucket, '0', nil
  if call('HLEN', key) == 0 then  -- as most buckets are where contacts are few; a quarter of the time
    return
  end
  repeat
    cursor, records = unpack(call('HSCAN', key, cursor, 'COUNT', CONTACTS_A_RUN))
    for at = 1, #records, 2 do
      list(records[at], records[at + 1])
    end
    work = work + #records / 2
  until cursor == '0'
end

return function(args)
  local refusal = begin_listing(args[3])
  if refusal then
    return refusal
  end
  local bucket, most = tonumber(args[1]), tonumber(args[4])
  local stop = math.min(tonumber(args[2]), bucket + BUCKETS_A_RUN)
  while bucket < stop and work < CONTACTS_A_RUN and listed() < most do
    list_bucket(bucket)
    bucket = bucket + 1
  end
  return {bucket, listing()}
end
