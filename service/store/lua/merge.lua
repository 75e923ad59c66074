-- Two ids turned out to be one contact: what is on record of the first goes to the second, and the first stands for it from
-- then on, as do all ids that stood for the first.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     id that is given up, its bucket, id that holds, its bucket, how long the record of a contact without an open
--          conversation is kept (ms), how long a replay is kept (ms)
--
-- Returns  {what became of it (a value of Merging), id that holds, owner's id, 1 if open}

--- @include "replays"
--- @include "open_counts"
--- @include "without_owner"

local retention, replay_retention

-- A contact as it is on record, also when the next is loaded.
local function contact_with(id, bucket)
  local copy = {}
  for name, value in pairs(load_contact(id, bucket)) do
    copy[name] = value
  end
  return copy
end

-- Two places become one at most, of the owner to be.
local function join_places(from, into, owner)
  if from.state == OPENED and into.state == OPENED then
    release(from.owner, retention)
  elseif from.state == OPENED and from.owner ~= owner then
    release(from.owner, retention)
    occupy(owner)
  elseif from.state ~= OPENED and into.state ~= OPENED and owner ~= 0 and not load_agent(owner).settings then
    keep_unknown(owner, retention)
  end
end

-- Open if either was, and else closed if either ever was open.
local function joined_state(from, into, owner)
  if from.state == OPENED or into.state == OPENED then
    return OPENED
  end
  return owner ~= 0 and (from.state == CLOSED or into.state == CLOSED) and CLOSED or NAMED
end

-- The decision of the one that is given up becomes that of the other.
local function take_decision(from, into)
  set_aside(into, replay_retention)
  for _, name in ipairs({'outcome', 'left', 'agent', 'choice', 'has_reply', 'revision', 'sequence', 'time', 'untold'}) do
    into[name] = from[name]
  end
  into.request = ''
  call('DEL', root .. REPLY .. into.id)
  if reply_of(from) ~= '' then
    call('RENAME', root .. REPLY .. from.id, root .. REPLY .. into.id)
  end
end

local function join(from, into)
  local owner = into.owner ~= 0 and into.owner or from.owner
  local takes = from.outcome ~= 0 and (into.outcome == 0 or owner ~= into.owner)
  set_aside(from, replay_retention)
  join_places(from, into, owner)
  if owner ~= 0 then
    forget_without_owner(from)
    forget_without_owner(into)
  elseif takes then
    pass_without_owner(from, into.id)
  else
    forget_without_owner(from)
  end
  if takes then
    take_decision(from, into)
  end
  into.owner, into.state = owner, joined_state(from, into, owner)
end

local function answer(what, contact)
  return {what, contact.id, id_of_agent(contact.owner), contact.state == OPENED and 1 or 0}
end

return function(args)
  local refusal = begin()
  if refusal then
    return refusal
  end
  retention, replay_retention = args[5], args[6]
  local from, into = contact_with(args[1], args[2]), contact_with(args[3], args[4])
  if from.id == into.id then
    local is_circle = from.asked == from.id and into.asked ~= into.id
    return answer(is_circle and MERGING_CIRCLE or MERGING_ONE_ALREADY, into)
  end
  local ids = aliases_of(from.id)
  ids[#ids + 1] = from.id
  if #ids + call('HLEN', root .. ALIASES .. into.id) > MOST_ALIASES then
    return answer(MERGING_TOO_MANY, into)
  end
  next_sequence()
  merged = '1'
  call('HSET', root, 'merged', merged)
  join(from, into)
  remove_record(from)
  call('DEL', root .. ALIASES .. from.id, root .. REPLY .. from.id)
  add_aliases(ids, into)
  save_contact(into, retention, into.untold)
  return answer(MERGING_MERGED, into)
end
