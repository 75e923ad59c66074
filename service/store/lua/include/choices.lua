-- What rules ask for: {number, pool, view: {name, strategy, and what it asks for}, rule_id, team_id, fallback}, in JSON.
-- Decisions call it by name, records by number.

--- @include "memo"

local texts  -- of choices that this run has read, by name

local function begin_choices()
  texts = {}
end

-- The choice of this name: its text, and what that says.
local function choice_called(ref)
  local text = texts[ref]
  if not text then
    text = call('HGET', root .. CHOICES, ref)
    texts[ref] = text
  end
  return text, unpacked(text, cjson.decode)
end

-- The text of the choice with this number; '' for 0, which stands for none.
local function choice_numbered(number)
  if number == 0 then
    return ''
  end
  return call('HGET', root .. CHOICES, call('HGET', root .. CHOICES, '#' .. number))
end
