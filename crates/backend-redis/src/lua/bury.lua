-- Keeps a dead letter that belongs to no job. ARGV: id, letter, expires.
redis.call('SET', P .. 'letter:' .. ARGV[1], ARGV[2], 'PXAT', ARGV[3])
redis.call('ZADD', DEAD, 0, ARGV[1])
redis.call('ZADD', EXPIRY, ARGV[3], 'l' .. ARGV[1])
return 1
