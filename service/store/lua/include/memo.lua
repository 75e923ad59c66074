-- Tables that were unpacked once, by what they were unpacked from. Where a library stays loaded they are there in the
-- next run. Nobody may change them.

local MEMO_BYTES = 500000  -- of packed text, after which all is forgotten
local memo, memo_bytes = {}, 0

local function unpacked(packed, unpack_it)
  local read = memo[packed]
  if not read then
    read = unpack_it(packed)
    memo_bytes = memo_bytes + #packed
    if memo_bytes > MEMO_BYTES then
      memo, memo_bytes = {}, #packed
    end
    memo[packed] = read
  end
  return read
end
