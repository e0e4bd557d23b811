-- Deletes up to `limit` expired records. ARGV: now, limit. Returns how many. The records have a time to live
-- and may be deleted already, but their entries in the indexes are not.
local expired = redis.call('ZRANGE', EXPIRY, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(expired) do
  local id = string.sub(entry, 2, 37)
  if string.sub(entry, 1, 1) == 'j' then
    redis.call('DEL', P .. 'job:' .. id)
    redis.call('ZREM', P .. 'owner:' .. string.sub(entry, 38), id)
  else
    redis.call('DEL', P .. 'letter:' .. id)
  end
  redis.call('ZREM', DEAD, id)
end
bulk('ZREM', EXPIRY, expired)
return #expired
