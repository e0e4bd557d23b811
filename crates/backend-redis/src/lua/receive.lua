-- Receives messages that are due, and hides them. ARGV: now, most messages, visibility in ms, horizon in ms,
-- receipt, most bytes of records. Returns the time in ms until the next message is due (-1: none waits), then
-- for each received message: the message, its number of deliveries, and head, status and request of its job
-- (empty if there is no job, or if the records before it have reached the limit).
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
-- Redis stores a small hash as a list, in which a lookup among hundreds of entries is slow. One long value
-- prevents this.
if held_is_new then redis.call('HSET', HELD, '', string.rep('-', 65)) end
bulk('HSET', HELD, hold)
-- There may be more messages for another receiver.
if #ready == most then wake() end
return out
