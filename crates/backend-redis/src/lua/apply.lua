-- Compare-and-set of job states. Each change takes effect completely or not at all. ARGV: now, then 9 for each
-- change:
--   id expected-fence status due expires result delay-ms result-key open-residues
-- ('' means none; the expected fence ends with a blank; a result is preceded by "=", so that an empty result
-- differs from none). Returns for each: "ok", "gone", or the present fence of the job.
local now = clock(ARGV[1])
local out, changed = {}, {}
-- Changes of the indexes are collected and made in one call for each index. A job that changes twice counts
-- once.
local was, is, due, terminal, settled = {}, {}, {}, {}, {}
local open = 0
for i = 2, #ARGV, 9 do
  local id, expected, status = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local job = P .. 'job:' .. id
  local before, expires, result = string.byte(expected), ARGV[i + 4], ARGV[i + 5]
  -- 115 is the "s" of submitted, 114 the "r" of running.
  local was_terminal = before ~= 115 and before ~= 114
  local found = redis.call('HGET', job, 'status')
  if not found then
    out[#out + 1] = 'gone'
  elseif string.sub(found, 1, #expected) ~= expected then
    out[#out + 1] = string.match(found, '^%S+')
  else
    if result == '' then
      redis.call('HSET', job, 'status', status)
    else
      redis.call('HSET', job, 'status', status, 'result', string.sub(result, 2))
      reusable(ARGV[i + 7], id, expires)
    end
    if not was[id] then was[id] = before end
    is[id], due[id] = string.byte(status), ARGV[i + 3]
    if expires ~= '' then
      redis.call('PEXPIREAT', job, delete_at(expires))
      terminal[id] = { expires, string.sub(status, 1, 7) == 'failed/' }
      settled[id] = true
    elseif was_terminal then
      -- A job that is sent again does not expire.
      terminal[id] = nil
      redis.call('PERSIST', job)
      not_expiring(id, owner_of(job))
      redis.call('ZREM', DEAD, id)
    end
    if ARGV[i + 6] ~= '' then
      send(id, now + tonumber(ARGV[i + 6]))
      settled[id] = nil
    end
    open = open + tonumber(ARGV[i + 8])
    changed[#changed + 1] = id
    out[#out + 1] = 'ok'
  end
end
local waits, runs, waits_not, runs_not, expiring, dead = {}, {}, {}, {}, {}, {}
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
  expiring[#expiring + 1] = 'j' .. id
  if entry[2] then
    dead[#dead + 1] = '0'
    dead[#dead + 1] = id
  end
end
-- A terminal job needs no message.
local messages = {}
for id in pairs(settled) do messages[#messages + 1] = id end
delete_messages(messages)
add_open(open)
bulk('ZADD', SUBMITTED, waits)
bulk('ZREM', SUBMITTED, waits_not)
bulk('ZADD', RUNNING, runs)
bulk('ZREM', RUNNING, runs_not)
bulk('ZADD', EXPIRY, expiring)
bulk('ZADD', DEAD, dead)
if #changed > 0 then redis.pcall('PUBLISH', P .. 'changed', table.concat(changed)) end
return out
