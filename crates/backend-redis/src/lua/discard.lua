-- Deletes a dead letter that belongs to no job. ARGV: id. Returns 1 if it existed.
if redis.call('DEL', P .. 'letter:' .. ARGV[1]) == 0 then return 0 end
redis.call('ZREM', DEAD, ARGV[1])
redis.call('ZREM', EXPIRY, 'l' .. ARGV[1])
return 1
