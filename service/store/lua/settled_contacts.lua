-- Those of some contacts that are on record and not open.
--
-- KEYS[1]  what all keys of the workspace begin with; all others are derived from it (see keys.py)
-- ARGV     owner's id ('' = of all), then contact ids
--
-- Returns  {contact id, owner's id, contact id, ...}

--- @include "listing"
--- @readonly

return function(args)
  local refusal = begin_listing(args[1])
  if refusal then
    return refusal
  end
  for at = 2, #args do
    local packed = call('GET', root .. SETTLED .. args[at])
    if packed then
      list(args[at], packed)
    end
  end
  return listing()
end
