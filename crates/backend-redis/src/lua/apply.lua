-- Compare-and-set of job states. Each change takes effect completely or not at all. ARGV: now, then 8 for each
-- change:
--   id expected-fence status due expires result delay-ms result-key
-- ('' means none; the expected fence ends with a blank; a result is preceded by "=", so that an empty result
-- differs from none). Returns for each: "ok", "gone", or the present fence of the job.
local now = clock(ARGV[1])
local out, changed = {}, {}
-- Changes of the indexes are collected and made in one call for each index. A job that changes twice counts
-- once.
local was, is, due, terminal, settled = {}, {}, {}, {}, {}
for i = 2, #ARGV, 8 do
  local id, expected, status = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local job = P .. 'job:' .. id
  local found = redis.call('HGET', job, 'status')
  if not found then
    out[#out + 1] = 'gone'
  elseif string.sub(found, 1, #expected) ~= expected then
    out[#out + 1] = string.match(found, '^%S+')
  else
    local before, expires, result = string.byte(expected), ARGV[i + 4], ARGV[i + 5]
    local was_terminal = before ~= 115 and before ~= 114
    -- Read before anything is written: a time in the past makes PEXPIREAT delete the record.
    local owner = (expires ~= '' or was_terminal) and owner_of(job)
    if result == '' then
      redis.call('HSET', job, 'status', status)
    else
      redis.call('HSET', job, 'status', status, 'result', string.sub(result, 2))
      reusable(ARGV[i + 7], id, expires)
    end
    if not was[id] then was[id] = before end
    is[id], due[id] = string.byte(status), ARGV[i + 3]
    if expires ~= '' then
      redis.call('PEXPIREAT', job, expires)
      terminal[id] = { expires, 'j' .. id .. owner, string.sub(status, 1, 7) == 'failed/' }
      settled[id] = true
    elseif was_terminal then
      -- A job that is sent again does not expire.
      terminal[id] = nil
      redis.call('PERSIST', job)
      redis.call('ZREM', EXPIRY, 'j' .. id .. owner)
      redis.call('ZREM', DEAD, id)
    end
    if ARGV[i + 6] ~= '' then
      send(id, now + tonumber(ARGV[i + 6]))
      settled[id] = nil
    end
    changed[#changed + 1] = id
    out[#out + 1] = 'ok'
  end
end
local waits, runs, waits_not, runs_not, expiring, dead = {}, {}, {}, {}, {}, {}
-- 115 is the "s" of submitted, 114 the "r" of running.
for id, after in pairs(is) do
  local before = was[id]
  if after == 115 then
    waits[#waits + 1] = due[id]
    waits[#waits + 1] = id
  elseif before == 115 then
    waits_not[#waits_not + 1] = id
  end
  if after == 114 then
    runs[#runs + 1] = due[id]
    runs[#runs + 1] = id
  elseif before == 114 then
    runs_not[#runs_not + 1] = id
  end
end
for id, entry in pairs(terminal) do
  expiring[#expiring + 1] = entry[1]
  expiring[#expiring + 1] = entry[2]
  if entry[3] then
    dead[#dead + 1] = '0'
    dead[#dead + 1] = id
  end
end
-- A terminal job needs no message.
local messages = {}
for id in pairs(settled) do messages[#messages + 1] = id end
bulk('ZREM', QUEUE, messages)
bulk('HDEL', HELD, messages)
bulk('ZADD', SUBMITTED, waits)
bulk('ZREM', SUBMITTED, waits_not)
bulk('ZADD', RUNNING, runs)
bulk('ZREM', RUNNING, runs_not)
bulk('ZADD', EXPIRY, expiring)
bulk('ZADD', DEAD, dead)
if #changed > 0 then redis.call('PUBLISH', P .. 'changed', table.concat(changed)) end
return out
