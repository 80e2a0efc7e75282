/**
 * The scripts of the lock. What a server keeps of a lock named N:
 *
 * | key | type | contents |
 * | --- | --- | --- |
 * | `lock` | string, expires with the lease | the value of who holds it alone |
 * | `shared` | sorted set | the values of who shares it, by the end of their leases |
 * | `token` | hash, expires after 30 days unused | `token`: the last one given out; `holder`: the value of the last holder, until it releases |
 * | `queue` | sorted set | the waiters, by their tickets, which are in the order they came |
 * | `seen` | sorted set | the waiters, by the time until which they are taken to be alive |
 *
 * All times are the server's, in milliseconds. A waiter promises to look again by a time, and is
 * dropped when it has not. It is dropped as well when nobody hears the message that wakes it.
 * Nobody but a waiter that is told to go tries in vain, however many wait: a release wakes the
 * first (or the first few, if they all share) and tells the one behind to look a moment later, in
 * case the first is dead.
 *
 * @module
 */

/** How long the others wait for a waiter that was woken and does not come, in milliseconds. */
export const GRACE_MS = 500;
/** How long a waiter sleeps at most before it looks, be the lease ever so long, in milliseconds. */
export const LOOK_MS = 5000;
/** How long the last token is kept by a server whose lock is not used, in milliseconds. */
export const TOKEN_KEPT_MS = 30 * 24 * 60 * 60 * 1000;

const COMMON = `
local lockKey, tokenKey, sharedKey, queueKey, seenKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local call, pcall = redis.call, redis.pcall
local us, now
local function look_at_clock()
  local time = call('TIME')
  us = time[1] * 1000000 + time[2]
  now = math.floor(us / 1000)
end
local function forget(waiter)
  call('ZREM', queueKey, waiter)
  call('ZREM', seenKey, waiter)
end
local function shares(waiter)
  return string.sub(waiter, 1, 1) == 'r'
end
local function tell(waiter, word)
  local client = string.match(waiter, '^%a:([^:]+):')
  local heard = pcall('PUBLISH', channel .. client, word .. ' ' .. waiter)
  return type(heard) ~= 'number' or heard > 0 or not countable
end
local function wake()
  local rank, sharing = 0, false
  while true do
    local waiter = call('ZRANGE', queueKey, rank, rank)[1]
    if not waiter then return end
    local seen = tonumber(call('ZSCORE', seenKey, waiter) or 0)
    local goes = rank == 0 or (sharing and shares(waiter))
    if seen < now or not tell(waiter, goes and 'go' or 'next') then
      forget(waiter)
    elseif not goes then
      return
    else
      if seen > now + ${GRACE_MS} then pcall('ZADD', seenKey, now + ${GRACE_MS}, waiter) end
      if rank == 0 then sharing = shares(waiter) end
      rank = rank + 1
    end
  end
end
`;

/**
 * Takes the lock or, if told to, a place in its queue. Asked again with the value that holds it,
 * says so again, and the lease begins anew.
 *
 * `KEYS`: lock, token, shared, queue, seen. `ARGV`: value; lease in ms; `w` alone or `r` shared;
 * `1` if nobody who waits may be overtaken; the waiter, or nothing not to wait; its ticket, if it
 * has one; how many tokens to mint; where a waiter's channel begins; `1` if the number of those who
 * hear a message is that of all.
 *
 * Replies `{1, the first token, the holder that did not release}` or `{0, when to look again in ms,
 * ticket, the value of who holds it alone}`.
 */
export const ACQUIRE = `
local value, lease, mode, fair = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4] == '1'
local waiter, ticket, span = ARGV[5], ARGV[6], tonumber(ARGV[7])
local channel, countable = ARGV[8], ARGV[9] == '1'
${COMMON}
look_at_clock()

local function head()
  while true do
    local first = call('ZRANGE', queueKey, 0, 0)[1]
    if not first then return nil end
    local seen = tonumber(call('ZSCORE', seenKey, first) or 0)
    if seen >= now then return first, seen end
    forget(first)
  end
end
local function one_before_alone()
  local rank = waiter ~= '' and call('ZRANK', queueKey, waiter) or -1
  if rank == 0 then return nil end
  if rank == false then rank = -1 end
  for _, other in ipairs(call('ZRANGE', queueKey, 0, rank)) do
    if not shares(other) and other ~= waiter then return other end
  end
end

local look
local held = call('GET', lockKey)
if held and held ~= value then
  look = call('PTTL', lockKey)
  if look < 0 then look = ${GRACE_MS} end
elseif not held then
  if mode == 'w' and call('EXISTS', sharedKey) == 1 then
    call('ZREMRANGEBYSCORE', sharedKey, '-inf', now)
    local last = call('ZRANGE', sharedKey, -1, -1, 'WITHSCORES')
    if last[1] then look = tonumber(last[2]) - now end
  end
  if not look and (fair or mode == 'r') and call('EXISTS', queueKey) == 1 then
    local first, seen = head()
    local free = mode == 'w' or call('ZCARD', sharedKey) == 0
    if mode == 'w' and first and first ~= waiter or mode == 'r' and first and one_before_alone() then
      if free then
        wake()
        first, seen = head()
      end
      if mode == 'w' and first and first ~= waiter or mode == 'r' and first and one_before_alone() then
        look = seen - now
      end
    end
  end
end

if look then
  if waiter ~= '' then
    if ticket == '' then
      local last = call('ZRANGE', queueKey, -1, -1, 'WITHSCORES')
      ticket = string.format('%.0f', math.max(us, last[1] and last[2] + 1 or 0))
    end
    call('ZADD', queueKey, ticket, waiter)
    local rank = call('ZRANK', queueKey, waiter)
    look = math.min(look, ${LOOK_MS}) + math.min(rank, 20) * ${GRACE_MS}
    call('ZADD', seenKey, now + math.floor(look * 1.25) + ${GRACE_MS}, waiter)
    call('PEXPIRE', queueKey, 60000)
    call('PEXPIRE', seenKey, 60000)
  end
  return { 0, look, ticket, held }
end

if ticket ~= '' then forget(waiter) end
if mode == 'r' then
  call('ZADD', sharedKey, now + lease, value)
  if call('PTTL', sharedKey) < lease then call('PEXPIRE', sharedKey, lease) end
  local first = head()
  if first and shares(first) then wake() end
  return { 1, false, call('HGET', tokenKey, 'holder') }
end
local last = call('HMGET', tokenKey, 'token', 'holder')
local token = tonumber(last[1])
if held then
  call('PEXPIRE', lockKey, lease)
  return { 1, (token or us) - span + 1, false }
end
token = math.max(token and token + 1 or 0, us)
call('SET', lockKey, value, 'PX', lease)
call('HSET', tokenKey, 'token', string.format('%.0f', token + span - 1), 'holder', value)
call('PEXPIRE', tokenKey, ${TOKEN_KEPT_MS})
return { 1, token, last[2] }
`;

/**
 * Makes the lease begin anew. `KEYS`: lock, shared. `ARGV`: value, lease in ms, `w` or `r`.
 * Replies 1, or 0 if the value does not hold the lock any more.
 */
export const RENEW = `
local value, lease = ARGV[1], tonumber(ARGV[2])
if ARGV[3] == 'w' then
  if redis.call('GET', KEYS[1]) ~= value then return 0 end
  return redis.call('PEXPIRE', KEYS[1], lease)
end
if not redis.call('ZSCORE', KEYS[2], value) then return 0 end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + lease, value)
if redis.call('PTTL', KEYS[2]) < lease then redis.call('PEXPIRE', KEYS[2], lease) end
return 1
`;

/**
 * Has a server know a token that others have minted, so that it mints none that is not greater.
 * `KEYS`: lock, token. `ARGV`: value, the token. Replies 1, or 0 if the value does not hold the
 * lock any more.
 */
export const RAISE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local token = tonumber(redis.call('HGET', KEYS[2], 'token') or 0)
if token < tonumber(ARGV[2]) then redis.call('HSET', KEYS[2], 'token', ARGV[2]) end
return 1
`;

/**
 * Gives the lock back, or the place in the queue, or whichever of both it is; wakes the next.
 *
 * `KEYS`: lock, token, shared, queue, seen. `ARGV`: value; `w` or `r`; the waiter or nothing; where
 * a waiter's channel begins; `1` if receivers can be counted. Replies 1 if the value held the lock.
 */
export const RELEASE = `
local value, mode, waiter = ARGV[1], ARGV[2], ARGV[3]
local channel, countable = ARGV[4], ARGV[5] == '1'
${COMMON}
local was = 0
if mode == 'r' then
  was = call('ZREM', sharedKey, value)
elseif call('GET', lockKey) == value then
  call('DEL', lockKey)
  call('HDEL', tokenKey, 'holder')
  was = 1
end
if waiter ~= '' then forget(waiter) end
if call('EXISTS', queueKey) == 0 or call('EXISTS', lockKey) == 1 then return was end
look_at_clock()
if call('EXISTS', sharedKey) == 1 then
  call('ZREMRANGEBYSCORE', sharedKey, '-inf', now)
  local first = call('ZRANGE', queueKey, 0, 0)[1]
  if call('EXISTS', sharedKey) == 1 and not shares(first) then return was end
end
wake()
return was
`;
