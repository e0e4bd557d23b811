-- Deletes up to `limit` expired records. ARGV: now, limit. Returns how many. A record may be deleted already. A
-- list of its owner then drops its entry.
local expired = redis.call('ZRANGE', EXPIRY, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(expired) do
  local id = string.sub(entry, 2, 37)
  if string.sub(entry, 1, 1) == 'j' then
    -- An entry of release 0.1.0 ends with the owner.
    local owner = #entry > 37 and string.sub(entry, 38) or owner_of(P .. 'job:' .. id)
    redis.call('DEL', P .. 'job:' .. id)
    if owner then redis.call('ZREM', P .. 'owner:' .. owner, id) end
  else
    redis.call('DEL', P .. 'letter:' .. id)
  end
  redis.call('ZREM', DEAD, id)
end
bulk('ZREM', EXPIRY, expired)
return #expired
