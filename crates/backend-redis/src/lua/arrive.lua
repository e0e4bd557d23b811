-- Takes one entry of another store that is no job, with its marker. ARGV: now, move, markers-until, kind, marker, and
-- for the kind
--   batch:   id record expires
--   key:     name value expires (it has no marker)
--   letter:  id record expires
--   notice:  record
--   api-key: id record used-at ('' means never)
-- Returns "new", "exists", or "before".
local kind, marker, move = ARGV[4], ARGV[5], tonumber(ARGV[2])
set_last_move(move)
if kind == 'key' then
  if known_key(ARGV[6], ARGV[7], clock(ARGV[1])) then return 'exists' end
  redis.call('SET', P .. ARGV[6], ARGV[7], 'PXAT', ARGV[8])
  return 'new'
end
if arrived_before(marker, move) then return 'before' end
local new = false
if kind == 'batch' then
  new = redis.call('SET', P .. 'batch:' .. ARGV[6], ARGV[7], 'NX', 'PXAT', ARGV[8])
elseif kind == 'letter' then
  new = redis.call('SET', P .. 'letter:' .. ARGV[6], ARGV[7], 'NX', 'PXAT', ARGV[8])
  if new then
    redis.call('ZADD', DEAD, 0, ARGV[6])
    redis.call('ZADD', EXPIRY, ARGV[8], 'l' .. ARGV[6])
  end
elseif kind == 'notice' then
  new = redis.call('SET', P .. 'notice', ARGV[6], 'NX')
elseif kind == 'api-key' then
  new = not redis.call('HGET', P .. 'keys', ARGV[6])
  if new then
    redis.call('HSET', P .. 'keys', ARGV[6], ARGV[7])
    if ARGV[8] ~= '' then redis.call('HSET', P .. 'keys_used', ARGV[6], ARGV[8]) end
  end
end
mark_arrival(marker, move, ARGV[3])
return new and 'new' or 'exists'
