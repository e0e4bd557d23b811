-- Checks that a new job could be written: uses the rights that a creation needs, on keys of its own, which are gone
-- afterwards.
local probe, list = P .. 'ping', P .. 'ping:list'
redis.call('HSET', probe, 'at', 1)
redis.call('PEXPIREAT', probe, clock('') + 60000)
redis.call('EXISTS', probe)
redis.call('DEL', probe)
redis.call('ZADD', list, 1, 'a')
redis.call('ZREM', list, 'a')
redis.call('SET', probe, '1', 'PX', 60000)
redis.call('GET', probe)
redis.call('DEL', probe)
return 1
