-- Deletes a job with all its data and its message. ARGV: id. Returns 1 if the job existed.
local id = ARGV[1]
local head = redis.call('HGET', P .. 'job:' .. id, 'head')
redis.call('DEL', P .. 'job:' .. id)
redis.call('ZREM', SUBMITTED, id)
redis.call('ZREM', RUNNING, id)
redis.call('ZREM', QUEUE, id)
redis.call('HDEL', HELD, id)
if not head then return 0 end
local owner = cjson.decode(head).owner
redis.call('ZREM', DEAD, id)
redis.call('ZREM', EXPIRY, 'j' .. id .. owner)
redis.call('ZREM', P .. 'owner:' .. owner, id)
redis.call('PUBLISH', P .. 'changed', id)
return 1
