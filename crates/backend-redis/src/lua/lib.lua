-- This text precedes every script. KEYS[1] is the prefix of all keys, such as "{pssp}:v1:". The braces put all
-- keys into one hash slot. Keys:
--   job:<id>     hash    head, request: JSON; status: the fence ("running/2"), a blank, JSON;
--                        result: the result of a finished job, which is deleted with the record
--   submitted    zset    jobs that wait for a worker, by due_at (ms)
--   running      zset    jobs that a worker holds, by due_at (ms)
--   owner:<name> zset    jobs of one owner, all with score 0: ordered by id
--   expiry       zset    "j<id><owner>" and "l<id>" (letters), by expires_at (ms)
--   dead         zset    dead letters, all with score 0: ordered by id
--   reuse:<key>  string  the job that last finished with a result of this key; a hint, which expires with the job
--   letter:<id>  string  a dead letter that belongs to no job
--   queue        zset    messages by the time (ms) from which they may be delivered
--   held         hash    message -> "<receipt>:<number of deliveries>"; an empty receipt: the message waits
--                        (and one field with an empty name, see receive.lua)
--   wake         list    at most one token: a message may be ready (BLPOP)
--   changed      channel ids of changed jobs, one after the other, 36 bytes each
-- A message is the id of its job. A foreign sender may ZADD any body.
local P = KEYS[1]
local SUBMITTED, RUNNING, EXPIRY, DEAD = P .. 'submitted', P .. 'running', P .. 'expiry', P .. 'dead'
local QUEUE, HELD, WAKE = P .. 'queue', P .. 'held', P .. 'wake'

-- The time in ms: the given time (in tests), else that of the server, which is the same for all machines.
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- One command for many arguments (in pairs or singly), in parts that fit on Lua's stack.
local function bulk(command, key, args)
  for i = 1, #args, 2000 do
    redis.call(command, key, unpack(args, i, math.min(i + 1999, #args)))
  end
end

-- What an idempotency key led to before: the id, "reused" if it was used for another request, or nil. The value
-- of a key is the digest of the request (64 hex digits), the id (36 characters) and the time of expiry.
local function known_key(name, value, now)
  local known = name ~= '' and redis.call('GET', P .. name)
  if not known or tonumber(string.sub(known, 101)) <= now then return nil end
  return string.sub(known, 1, 64) == string.sub(value, 1, 64) and string.sub(known, 65, 100) or 'reused'
end

-- Wakes one waiting receiver. One token is enough: the receiver that takes it wakes the next if there are more
-- messages.
local function wake()
  if redis.call('LLEN', WAKE) == 0 then redis.call('RPUSH', WAKE, '1') end
end

-- Stores the key under which the result of a job is found, until `expires` ('': no key).
local function reusable(key, id, expires)
  if key ~= '' then redis.call('SET', P .. 'reuse:' .. key, id, 'PXAT', expires) end
end

-- The owner of a job, from its record.
local function owner_of(job)
  local head = redis.call('HGET', job, 'head')
  -- Every finish calls this, and to decode the whole head is slow. A quote inside a string of JSON has a backslash
  -- before it, so this pattern finds only the field. An owner with a backslash does not match.
  return string.match(head, '"owner":"([^"\\]*)"') or cjson.decode(head).owner
end

-- The number of deliveries of a message, from its entry in `held`.
local function deliveries(held)
  return held and tonumber(string.match(held, ':(%d+)$')) or 0
end

-- Sends a message. If a message about the same job waits, it becomes due earlier. If it is delivered, its
-- receipt becomes invalid: an acknowledgement of the old delivery must not delete the message that is sent now.
local function send(message, at)
  local held = redis.call('HGET', HELD, message)
  if held and string.byte(held) ~= 58 then
    redis.call('HSET', HELD, message, ':' .. deliveries(held))
    redis.call('ZADD', QUEUE, at, message)
  else
    redis.call('ZADD', QUEUE, 'LT', at, message)
  end
  wake()
end
