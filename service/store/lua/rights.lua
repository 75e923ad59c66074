-- Which of the commands that scripts run the user may not, on keys of ours.
--
-- KEYS[1]  what the key of a probe begins with; nothing else is touched
--
-- Returns  their names
--
-- Before Redis 7 they are run, in vain: nothing stands under the key but a text without a time to live worth the name.

--- @readonly

local KEY = 'KEY'  -- stands for the key

local RUNS = {
  {'TIME'},
  {'SET', KEY, '', 'PX', 1},
  {'GET', KEY},
  {'EXISTS', KEY},
  {'PERSIST', KEY},
  {'PEXPIRE', KEY, 1},
  {'RENAME', KEY, KEY},
  {'HGET', KEY, ''},
  {'HMGET', KEY, ''},
  {'HEXISTS', KEY, ''},
  {'HLEN', KEY},
  {'HVALS', KEY},
  {'HSCAN', KEY, 0},
  {'HSET', KEY, '', ''},
  {'HDEL', KEY, ''},
  {'HINCRBY', KEY, '', 1},
  {'LLEN', KEY},
  {'LPUSH', KEY, ''},
  {'RPUSH', KEY, ''},
  {'LPOP', KEY},
  {'ZCARD', KEY},
  {'ZSCORE', KEY, ''},
  {'ZMSCORE', KEY, ''},
  {'ZRANGE', KEY, 0, 0},
  {'ZREVRANGE', KEY, 0, 0},
  {'ZRANGEBYSCORE', KEY, 0, 0},
  {'ZADD', KEY, 0, ''},
  {'ZREM', KEY, ''},
  {'ZPOPMIN', KEY},
  {'ZREMRANGEBYRANK', KEY, 0, 0},
  {'DEL', KEY},
}

local function may(words)
  if redis.acl_check_cmd then
    return redis.acl_check_cmd(unpack(words))
  end
  local reply = redis.pcall(unpack(words))
  return not (type(reply) == 'table' and reply.err and string.find(reply.err, 'user executing the script', 1, true))
end

return function()
  local denied = {}
  for _, run in ipairs(RUNS) do
    local words = {}
    for at, word in ipairs(run) do
      words[at] = word == KEY and root .. ':probe' or word
    end
    if not may(words) then
      table.insert(denied, run[1])
    end
  end
  return denied
end
