-- Writes a chunk of a roster, for build.lua: 'W', then commands, each as the number of its words and the words: the
-- command, the suffix of the key, the arguments. Numbers take four bytes; before each word stands its length.
local function write_roster(chunk)
  local at = 2
  while at <= #chunk do
    local count
    count, at = struct.unpack('>I4', chunk, at)
    local words = {}
    for number = 1, count do
      words[number], at = struct.unpack('>I4c0', chunk, at)
    end
    call(words[1], root .. words[2], unpack(words, 3))
  end
end
