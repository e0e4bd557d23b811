-- Creates the handle of a batch with its key. ARGV: now, id, record, expires, key-name, key-value, key-expires
-- ('' name: no key). Returns the same as create.lua.
local key, value = ARGV[5], ARGV[6]
local known = known_key(key, value, clock(ARGV[1]))
if known then return known end
if key ~= '' then redis.call('SET', P .. key, value, 'PXAT', ARGV[7]) end
redis.call('SET', P .. 'batch:' .. ARGV[2], ARGV[3], 'PXAT', ARGV[4])
return 'new'
