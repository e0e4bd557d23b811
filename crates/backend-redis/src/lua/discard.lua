-- Removes a dead letter that belongs to no job. ARGV: id. Answers 1 if there was one.
if redis.call('DEL', P .. 'letter:' .. ARGV[1]) == 0 then return 0 end
redis.call('ZREM', DEAD, ARGV[1])
redis.call('ZREM', EXPIRY, 'l' .. ARGV[1])
return 1
