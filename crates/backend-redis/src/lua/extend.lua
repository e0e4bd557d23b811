-- Hides a message for longer, if it is still held as the receipt says. ARGV: now, message, the entry
-- of `held`, visibility in ms. Answers 1 or 0.
if redis.call('HGET', HELD, ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('ZADD', QUEUE, 'XX', clock(ARGV[1]) + tonumber(ARGV[4]), ARGV[2])
return 1
