-- Takes jobs of another store, each with its marker. ARGV: now, move, markers-until, then 11 for each job:
--   marker id owner head status request due delay-ms expires result residues
-- ('' means none; a result is preceded by "=", so that an empty result differs from none). Returns for each: "new",
-- "exists", or "before".
local now, move = clock(ARGV[1]), tonumber(ARGV[2])
local out = {}
set_last_move(move)
for i = 4, #ARGV, 11 do
  local marker, id, owner, expires, result = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 8], ARGV[i + 9]
  local job = P .. 'job:' .. id
  if arrived_before(marker, move) then
    out[#out + 1] = 'before'
  elseif redis.call('EXISTS', job) == 1 then
    mark_arrival(marker, move, ARGV[3])
    out[#out + 1] = 'exists'
  else
    redis.call('HSET', job, 'head', ARGV[i + 3], 'status', ARGV[i + 4], 'request', ARGV[i + 5])
    if result ~= '' then redis.call('HSET', job, 'result', string.sub(result, 2)) end
    redis.call('ZADD', P .. 'owner:' .. owner, 0, id)
    if expires == '' then
      redis.call('ZADD', SUBMITTED, ARGV[i + 6], id)
      add_open(tonumber(ARGV[i + 10]))
      local delay = tonumber(ARGV[i + 7])
      if delay > 0 then
        redis.call('ZADD', QUEUE, now + delay, id)
      else
        take_turns({ [owner] = { id } })
      end
      wake()
    else
      redis.call('PEXPIREAT', job, delete_at(expires))
      redis.call('ZADD', EXPIRY, expires, 'j' .. id)
      if string.sub(ARGV[i + 4], 1, 7) == 'failed/' then redis.call('ZADD', DEAD, 0, id) end
    end
    mark_arrival(marker, move, ARGV[3])
    redis.pcall('PUBLISH', P .. 'changed', id)
    out[#out + 1] = 'new'
  end
end
return out
