-- Put before every script. KEYS[1] is the prefix of all keys, such as "{pssp}:v1:"; the braces keep
-- them in one slot. Keys:
--   job:<id>     hash    head, request: JSON; status: the fence ("running/2"), a blank, JSON;
--                        result: what was finished with, so that it lives as long as the record
--   submitted    zset    jobs that wait for a worker, by due_at (ms)
--   running      zset    jobs that a worker holds, by due_at (ms)
--   owner:<name> zset    jobs of one owner, all of score 0: ordered by id
--   expiry       zset    "j<id><owner>" and "l<id>" (letters), by expires_at (ms)
--   dead         zset    dead letters, all of score 0: ordered by id
--   reuse:<key>  string  the job that last finished with this result; a hint, which expires as the job does
--   letter:<id>  string  a dead letter that belongs to no job
--   queue        zset    messages by the time (ms) from which they may be delivered
--   held         hash    message -> "<receipt>:<number of deliveries>"; receipt empty: it waits
--                        (and one field without a name, see receive.lua)
--   wake         list    at most one token: something may be ready (BLPOP)
--   changed      channel ids of changed jobs, one after the other, 36 bytes each
-- A message is the id of its job. A foreign sender may ZADD any body.
local P = KEYS[1]
local SUBMITTED, RUNNING, EXPIRY, DEAD = P .. 'submitted', P .. 'running', P .. 'expiry', P .. 'dead'
local QUEUE, HELD, WAKE = P .. 'queue', P .. 'held', P .. 'wake'

-- The time in ms: the caller's if it gave one (tests), else the server's, the same for all machines.
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- One call for many arguments (in pairs or singly), in pieces that Lua's stack holds.
local function bulk(command, key, args)
  for i = 1, #args, 2000 do
    redis.call(command, key, unpack(args, i, math.min(i + 1999, #args)))
  end
end

-- What an idempotency key led to before: the id, "reused" if that was for another request, or nil. A
-- key's value is the digest of the request (64 hex digits), the id (36) and when the key expires.
local function known_key(name, value, now)
  local known = name ~= '' and redis.call('GET', P .. name)
  if not known or tonumber(string.sub(known, 101)) <= now then return nil end
  return string.sub(known, 1, 64) == string.sub(value, 1, 64) and string.sub(known, 65, 100) or 'reused'
end

-- Wakes one of those who wait. One token is enough: whoever takes it wakes the next if there is more.
local function wake()
  if redis.call('LLEN', WAKE) == 0 then redis.call('RPUSH', WAKE, '1') end
end

-- Under which key the result of a job is found again, until when ('' key: under none).
local function reusable(key, id, expires)
  if key ~= '' then redis.call('SET', P .. 'reuse:' .. key, id, 'PXAT', expires) end
end

-- Whose a job is, from its record.
local function owner_of(job)
  return cjson.decode(redis.call('HGET', job, 'head')).owner
end

-- How often a message was delivered, from its entry in `held`.
local function deliveries(held)
  return held and tonumber(string.match(held, ':(%d+)$')) or 0
end

-- Sends a message. One about the same job that waits is brought forward. One that is delivered is taken from
-- its holder: an acknowledgement of the old delivery must not delete what is sent now.
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
