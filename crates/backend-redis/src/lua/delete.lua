-- Deletes a job with all its data and its message. ARGV: id. Returns 1 if the job existed.
local id = ARGV[1]
local job = P .. 'job:' .. id
local record = redis.call('HMGET', job, 'head', 'status')
local head = decoded(record[1])
local state = record[2] and string.byte(record[2])
-- 115 is the "s" of submitted, 114 the "r" of running.
if state == 115 or state == 114 then add_open(-(head.length or 0)) end
local existed = redis.call('DEL', job)
redis.call('ZREM', SUBMITTED, id)
redis.call('ZREM', RUNNING, id)
delete_messages({ id })
if existed == 0 then return 0 end
redis.call('ZREM', DEAD, id)
not_expiring(id, head.owner)
if head.owner then redis.call('ZREM', P .. 'owner:' .. head.owner, id) end
redis.pcall('PUBLISH', P .. 'changed', id)
return 1
