-- Makes a message visible again after a delay if its receipt is still valid. ARGV: now, message, its entry in
-- `held`, delay in ms. Returns 1 or 0.
if redis.call('HGET', HELD, ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('ZREM', READY, ARGV[2])
redis.call('ZADD', QUEUE, clock(ARGV[1]) + tonumber(ARGV[4]), ARGV[2])
redis.call('HSET', HELD, ARGV[2], ':' .. deliveries(ARGV[3]))
wake()
return 1
