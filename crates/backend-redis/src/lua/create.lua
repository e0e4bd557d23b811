-- Creates jobs with their keys, and with messages or results. ARGV: now, then 13 for each job:
--   id owner head status request due delay-ms key-name key-value key-expires ('' name: no key)
--   expires result residues ('' expires: the job waits for a worker; else it is finished already)
-- Returns for each: "new", "exists", "reused", or the id that the key leads to.
local now = clock(ARGV[1])
local out, submitted, queue, ready, owners, expiring = {}, {}, {}, {}, {}, {}
-- Adds a value to the list of an owner.
local function add(lists, owner, ...)
  local list = lists[owner]
  if not list then
    list = {}
    lists[owner] = list
  end
  for _, value in ipairs({ ... }) do list[#list + 1] = value end
end
local open = 0
for i = 2, #ARGV, 13 do
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
      open = open + tonumber(ARGV[i + 12])
      local delay = tonumber(ARGV[i + 6])
      if delay > 0 then
        queue[#queue + 1] = now + delay
        queue[#queue + 1] = id
      else
        add(ready, owner, id)
      end
    else
      redis.call('HSET', job, 'result', ARGV[i + 11])
      redis.call('PEXPIREAT', job, delete_at(expires))
      expiring[#expiring + 1] = expires
      expiring[#expiring + 1] = 'j' .. id
    end
    add(owners, owner, '0', id)
    out[#out + 1] = 'new'
  end
end
for owner, mine in pairs(owners) do bulk('ZADD', P .. 'owner:' .. owner, mine) end
bulk('ZADD', EXPIRY, expiring)
add_open(open)
if #submitted > 0 then
  bulk('ZADD', SUBMITTED, submitted)
  bulk('ZADD', QUEUE, queue)
  take_turns(ready)
  wake()
end
return out
