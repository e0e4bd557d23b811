-- Makes a message visible again after a while, if it is still held as the receipt says. ARGV: now,
-- message, the entry of `held`, delay in ms. Answers 1 or 0.
if redis.call('HGET', HELD, ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('ZADD', QUEUE, clock(ARGV[1]) + tonumber(ARGV[4]), ARGV[2])
redis.call('HSET', HELD, ARGV[2], ':' .. deliveries(ARGV[3]))
wake()
return 1
