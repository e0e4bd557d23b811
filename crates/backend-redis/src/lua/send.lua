-- Sends one message. ARGV: now, message, delay in ms.
send(ARGV[2], clock(ARGV[1]) + tonumber(ARGV[3]))
return 1
