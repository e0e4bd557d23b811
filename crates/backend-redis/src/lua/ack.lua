-- Deletes messages whose receipts are still valid. ARGV: pairs of a message and its entry in `held`. Returns 1
-- or 0 for each.
local messages = {}
for i = 1, #ARGV, 2 do messages[#messages + 1] = ARGV[i] end
local held = redis.call('HMGET', HELD, unpack(messages))
local out, gone = {}, {}
for i, message in ipairs(messages) do
  local ours = held[i] == ARGV[2 * i]
  if ours then gone[#gone + 1] = message end
  out[i] = ours and 1 or 0
end
delete_messages(gone)
return out
