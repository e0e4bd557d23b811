-- Mends the entries of jobs in `submitted` and `running` that differ from their records, as a script leaves them that
-- fails half-way. ARGV: id and the score of its entry, for each job. Returns the ids that are mended.
local mended = {}
for i = 1, #ARGV, 2 do
  local id, score = ARGV[i], ARGV[i + 1]
  local status = redis.call('HGET', P .. 'job:' .. id, 'status')
  local state = status and string.byte(status)
  -- 115 is the "s" of submitted, 114 the "r" of running. Each command does nothing where all is well.
  local wrong = 0
  if state ~= 115 then wrong = wrong + redis.call('ZREM', SUBMITTED, id) end
  if state ~= 114 then wrong = wrong + redis.call('ZREM', RUNNING, id) end
  if wrong > 0 then
    mended[#mended + 1] = id
    if state == 115 then
      redis.call('ZADD', SUBMITTED, 'NX', score, id)
    elseif state == 114 then
      redis.call('ZADD', RUNNING, 'NX', score, id)
    else
      delete_messages({ id })
    end
  end
end
return mended
