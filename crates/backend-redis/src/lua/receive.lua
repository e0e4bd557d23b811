-- Takes messages whose time has come and hides them. ARGV: now, most messages, visibility in ms,
-- horizon in ms, receipt, most bytes of records. Answers: ms until the next one comes due (-1: none waits),
-- then for each one taken: message, number of deliveries, and head, status and request of its job (empty
-- where there is none, or where the records before it are large already).
local now, most = clock(ARGV[1]), tonumber(ARGV[2])
local ready = redis.call('ZRANGE', QUEUE, '-inf', now, 'BYSCORE', 'LIMIT', 0, most)
if #ready == 0 then
  -- Times beyond the horizon were written before the clock was set back.
  ready = redis.call('ZRANGE', QUEUE, '(' .. string.format('%.0f', now + tonumber(ARGV[4])), '+inf',
    'BYSCORE', 'LIMIT', 0, most)
end
if #ready == 0 then
  redis.call('DEL', WAKE)
  local first = redis.call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES')
  return { first[2] and math.max(1, tonumber(first[2]) - now) or -1 }
end
local held = redis.call('HMGET', HELD, unpack(ready))
local held_is_new = redis.call('HLEN', HELD) == 0
local out, hide, hold = { 0 }, {}, {}
local till = now + tonumber(ARGV[3])
local room = tonumber(ARGV[6])
for i, message in ipairs(ready) do
  local times = deliveries(held[i]) + 1
  out[#out + 1] = message
  out[#out + 1] = times
  local record = {}
  if room > 0 then
    record = redis.call('HMGET', P .. 'job:' .. message, 'head', 'status', 'request')
    if record[3] then room = room - #record[3] end
  end
  out[#out + 1] = record
  hide[#hide + 1] = till
  hide[#hide + 1] = message
  hold[#hold + 1] = message
  hold[#hold + 1] = ARGV[5] .. ':' .. times
end
bulk('ZADD', QUEUE, hide)
-- One long value keeps the hash a hash: as a list, which Redis makes of a small one, every look-up
-- among hundreds in hand would be a search from its beginning.
if held_is_new then redis.call('HSET', HELD, '', string.rep('-', 65)) end
bulk('HSET', HELD, hold)
-- There may be more for another.
if #ready == most then wake() end
return out
