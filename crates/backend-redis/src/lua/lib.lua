-- This text precedes every script. KEYS[1] is the prefix of all keys, such as "{pssp}:v1:". The braces put all
-- keys into one hash slot. Keys:
--   job:<id>     hash    head, request: JSON; status: the fence ("running/2"), a blank, JSON;
--                        result: the result of a finished job, which is deleted with the record
--   submitted    zset    jobs that wait for a worker, by due_at (ms)
--   running      zset    jobs that a worker holds, by due_at (ms)
--   owner:<name> zset    jobs of one owner, all with score 0: ordered by id
--   expiry       zset    "j<id>" and "l<id>" (letters), by expires_at (ms)
--   dead         zset    dead letters, all with score 0: ordered by id
--   reuse:<key>  string  the job that last finished with a result of this key; a hint, which expires with the job
--   letter:<id>  string  a dead letter that belongs to no job
--   ready        zset    messages that are due, by their turn
--   queue        zset    messages that are delayed or hidden, by the time (ms) from which they may be delivered
--   held         hash    message -> "<receipt>:<number of deliveries>"; an empty receipt: the message waits
--                        (and one field with an empty name, see receive.lua)
--   turns        hash    owner -> the turn of its last ready message; empty name -> the latest delivered turn
--   open         string  residues of all jobs that are not terminal, for whose results room is kept
--   keys         hash    id of a caller's key -> JSON (read and written without scripts)
--   keys_used    hash    id of a caller's key -> when it was used last (ms)
--   arrived:<marker> string  the move by which an entry of another store arrived
--   last_move    string  the number of the last move by which something arrived
--   wake         list    at most one token: a message may be ready (BLPOP)
--   changed      channel ids of changed jobs, one after the other, 36 bytes each
-- A message is the id of its job. A foreign sender may ZADD any body to `queue`.
-- Owners take turns: a message that becomes due gets the turn after that of its owner's last message, and after the
-- latest delivered one. Messages are delivered in the order of their turns, so a turn has one message of each owner.
local P = KEYS[1]
local SUBMITTED, RUNNING, EXPIRY, DEAD = P .. 'submitted', P .. 'running', P .. 'expiry', P .. 'dead'
local READY, QUEUE, HELD, TURNS, WAKE = P .. 'ready', P .. 'queue', P .. 'held', P .. 'turns', P .. 'wake'

-- Redis does not undo a script that fails half-way. So what is no part of a job's state (a hint, a wake-up, an event)
-- is done by pcall: it may fail alone. What else is left half done, the sweep mends (mend.lua).

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
  if redis.call('LLEN', WAKE) == 0 then redis.pcall('RPUSH', WAKE, '1') end
end

-- Stores the key under which the result of a job is found, until `expires` ('': no key).
local function reusable(key, id, expires)
  if key ~= '' then redis.pcall('SET', P .. 'reuse:' .. key, id, 'PXAT', expires) end
end

-- The head of a job as a table, which is empty if there is no record, or a damaged one.
local function decoded(head)
  local whole, fields = pcall(cjson.decode, head or '{}')
  return whole and type(fields) == 'table' and fields or {}
end

-- The owner of a job, or nil if there is no record, or a damaged one.
local function owner_of(job)
  return decoded(redis.call('HGET', job, 'head')).owner
end

-- Alters the residues of open jobs.
local function add_open(residues)
  if residues == 0 then return end
  local open = tonumber(redis.call('GET', P .. 'open') or 0) + residues
  if open > 0 then redis.call('SET', P .. 'open', open) else redis.call('DEL', P .. 'open') end
end

-- When the server deletes the record of a terminal job by itself: an hour after it has expired. Before that, purge
-- deletes it together with its entries in the indexes, for which it reads the owner from the record.
local function delete_at(expires)
  return tonumber(expires) + 3600000
end

-- Removes a job from `expiry`. An entry of release 0.1.0 ends with the owner.
local function not_expiring(id, owner)
  redis.call('ZREM', EXPIRY, 'j' .. id, 'j' .. id .. (owner or ''))
end

-- The number of deliveries of a message, from its entry in `held`.
local function deliveries(held)
  return held and tonumber(string.match(held, ':(%d+)$')) or 0
end

-- The latest delivered turn.
local function current_turn()
  return tonumber(redis.call('HGET', TURNS, '') or 0)
end

-- Most owners in `turns`. It is emptied whenever no message is ready. Where that does not happen for long, it is
-- emptied at this size: owners with a backlog then have two messages in a turn for a while.
local MOST_TURNS = 20000

-- Messages of owners become ready: { owner -> list of messages }.
local function take_turns(owners)
  local current = current_turn()
  if redis.call('HLEN', TURNS) > MOST_TURNS then
    redis.call('DEL', TURNS)
    redis.call('HSET', TURNS, '', current)
  end
  for owner, messages in pairs(owners) do
    local turn = math.max(current, tonumber(redis.call('HGET', TURNS, owner) or 0))
    local ready = {}
    for _, message in ipairs(messages) do
      turn = turn + 1
      ready[#ready + 1] = turn
      ready[#ready + 1] = message
    end
    bulk('ZADD', READY, ready)
    redis.call('HSET', TURNS, owner, turn)
  end
end

-- Deletes messages.
local function delete_messages(messages)
  bulk('ZREM', QUEUE, messages)
  bulk('ZREM', READY, messages)
  bulk('HDEL', HELD, messages)
end

-- Sends a message. If a message about the same job waits, it becomes due earlier. If it is delivered, its
-- receipt becomes invalid: an acknowledgement of the old delivery must not delete the message that is sent now.
local function send(message, at)
  local held = redis.call('HGET', HELD, message)
  if held and string.byte(held) ~= 58 then
    redis.call('HSET', HELD, message, ':' .. deliveries(held))
    redis.call('ZREM', READY, message)
    redis.call('ZADD', QUEUE, at, message)
  elseif not redis.call('ZADD', READY, 'XX', 'INCR', 0, message) then
    -- It is not ready: the command above then does nothing.
    redis.call('ZADD', QUEUE, 'LT', at, message)
  end
  wake()
end

-- Whether an entry of another store arrived by this move or a later one.
local function arrived_before(marker, move)
  return tonumber(redis.call('GET', P .. 'arrived:' .. marker) or 0) >= move
end

-- Marks an arrival. It is the last thing that a script does for an entry.
local function mark_arrival(marker, move, expires)
  redis.call('SET', P .. 'arrived:' .. marker, move, 'PXAT', expires)
end

-- Notes the number of a move by which something arrives.
local function set_last_move(move)
  if tonumber(redis.call('GET', P .. 'last_move') or 0) < move then redis.call('SET', P .. 'last_move', move) end
end
