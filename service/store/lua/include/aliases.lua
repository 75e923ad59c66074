-- Ids that stand for another contact, into which theirs was merged. Each leads to that contact at once: who merges it on
-- moves its aliases along. They last as long as its record.

local ALIAS_FORM = '>I2'  -- bucket of the contact; then its id
local MOST_ALIASES = 1000  -- of one contact

-- Id and bucket of the contact for which an id stands; nil if for none.
local function alias(id)
  local packed = call('GET', root .. ALIAS .. id)
  if packed then
    local bucket, rest = struct.unpack(ALIAS_FORM, packed)
    return string.sub(packed, rest), bucket
  end
end

-- The ids that stand for a contact.
local function aliases_of(id)
  return call('HVALS', root .. ALIASES .. id)
end

-- Has these ids stand for a contact, until `keep_aliases` says how long.
local function add_aliases(ids, contact)
  local packed = struct.pack(ALIAS_FORM, contact.bucket) .. contact.id
  for _, id in ipairs(ids) do
    call('SET', root .. ALIAS .. id, packed)
    call('HSET', root .. ALIASES .. contact.id, id, id)
  end
end

local function keep(key, retention)
  if retention then
    call('PEXPIRE', key, retention)
  else
    call('PERSIST', key)
  end
end

-- Keeps the ids that stand for a contact for so long (ms); false: until it is open no more.
local function keep_aliases(id, retention)
  for _, each in ipairs(aliases_of(id)) do
    keep(root .. ALIAS .. each, retention)
  end
  keep(root .. ALIASES .. id, retention)
end
