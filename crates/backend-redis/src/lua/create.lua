-- Creates jobs with their keys, and with messages or results. ARGV: now, then 12 for each job:
--   id owner head status request due delay-ms key-name key-value key-expires ('' name: no key)
--   expires result ('' expires: the job waits for a worker; else it is finished already)
-- Returns for each: "new", "exists", "reused", or the id that the key leads to.
local now = clock(ARGV[1])
local out, submitted, queue, owners, expiring = {}, {}, {}, {}, {}
for i = 2, #ARGV, 12 do
  local id, owner, key, value = ARGV[i], ARGV[i + 1], ARGV[i + 7], ARGV[i + 8]
  local job = P .. 'job:' .. id
  local known = known_key(key, value, now)
  if known then
    out[#out + 1] = known
  elseif redis.call('EXISTS', job) == 1 then
    out[#out + 1] = 'exists'
  else
    if key ~= '' then redis.call('SET', P .. key, value, 'PXAT', ARGV[i + 9]) end
    redis.call('HSET', job, 'head', ARGV[i + 2], 'status', ARGV[i + 3], 'request', ARGV[i + 4])
    local expires = ARGV[i + 10]
    if expires == '' then
      submitted[#submitted + 1] = ARGV[i + 5]
      submitted[#submitted + 1] = id
      queue[#queue + 1] = now + tonumber(ARGV[i + 6])
      queue[#queue + 1] = id
    else
      redis.call('HSET', job, 'result', ARGV[i + 11])
      redis.call('PEXPIREAT', job, expires)
      expiring[#expiring + 1] = expires
      expiring[#expiring + 1] = 'j' .. id .. owner
    end
    local mine = owners[owner]
    if not mine then
      mine = {}
      owners[owner] = mine
    end
    mine[#mine + 1] = '0'
    mine[#mine + 1] = id
    out[#out + 1] = 'new'
  end
end
for owner, mine in pairs(owners) do bulk('ZADD', P .. 'owner:' .. owner, mine) end
bulk('ZADD', EXPIRY, expiring)
if #queue > 0 then
  bulk('ZADD', SUBMITTED, submitted)
  bulk('ZADD', QUEUE, queue)
  wake()
end
return out
