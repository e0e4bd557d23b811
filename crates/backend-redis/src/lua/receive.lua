-- Receives messages that are due, and hides them. ARGV: now, most messages, visibility in ms, horizon in ms,
-- receipt. Returns the time in ms until the next message is due (-1: none waits), then each received message and
-- its number of deliveries.
local now, most = clock(ARGV[1]), tonumber(ARGV[2])
-- Gives a turn to messages whose time has come. Times beyond the horizon were written before the clock was set back.
local beyond = '(' .. string.format('%.0f', now + tonumber(ARGV[4]))
for _, range in ipairs({ { '-inf', now }, { beyond, '+inf' } }) do
  local due = redis.call('ZRANGE', QUEUE, range[1], range[2], 'BYSCORE', 'LIMIT', 0, 1000)
  if #due > 0 then
    local held, again, owners = redis.call('HMGET', HELD, unpack(due)), {}, {}
    local current = current_turn()
    for i, message in ipairs(due) do
      local owner = not held[i] and owner_of(P .. 'job:' .. message)
      if owner then
        owners[owner] = owners[owner] or {}
        table.insert(owners[owner], message)
      else
        -- A message that was delivered before, or that belongs to no job, is next.
        again[#again + 1] = current
        again[#again + 1] = message
      end
    end
    bulk('ZADD', READY, again)
    take_turns(owners)
    bulk('ZREM', QUEUE, due)
  end
end
local ready = redis.call('ZRANGE', READY, 0, most - 1, 'WITHSCORES')
if #ready == 0 then
  redis.call('DEL', WAKE, TURNS)
  local first = redis.call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES')
  return { first[2] and math.max(1, tonumber(first[2]) - now) or -1 }
end
local messages = {}
for i = 1, #ready, 2 do messages[#messages + 1] = ready[i] end
local held = redis.call('HMGET', HELD, unpack(messages))
local held_is_new = redis.call('HLEN', HELD) == 0
local out, hide, hold = { 0 }, {}, {}
local till = now + tonumber(ARGV[3])
for i, message in ipairs(messages) do
  local times = deliveries(held[i]) + 1
  out[#out + 1] = message
  out[#out + 1] = times
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
bulk('ZREM', READY, messages)
redis.call('HSET', TURNS, '', ready[#ready])
-- There may be more messages for another receiver.
if #messages == most then wake() end
return out
