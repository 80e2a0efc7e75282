/**
 * The scripts of the semaphore. A server keeps these keys of a semaphore named N, at
 * `interlock:{N}:` and
 *
 * | key | type | contents |
 * | --- | --- | --- |
 * | `semaphore` | hash, expires 30 days after the last use | `token`: the last one minted; `permits`: how many there are; `used`: how many are held |
 * | `semaphore-holds` | sorted set, expires with the last lease | a member for each hold, by the end of its lease: how many permits, ":", its value |
 * | `semaphore-queue` | sorted set | the waiters, by their tickets, which are in the order they came |
 * | `semaphore-seen` | sorted set | the waiters, by the time until which they count as alive |
 *
 * A hold is one member, whatever the number of its permits. `used` is the sum of all members, also
 * of those whose lease has ended and which no script has removed yet; without it, or without
 * members, the members are counted. All times are the server's, in milliseconds. Waiters are woken
 * in their order, as many as there are permits for; the next one asks a moment later, in case one of
 * them is dead. When leases end, the first waiter that asks wakes those for which the free permits
 * suffice. Like the scripts of the lock, these read, and check everything that may fail, before they
 * write.
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";
import { GRACE_MS, LOOK_MS, TOKEN_KEPT_MS } from "../lease/server_times.ts";
import { WAITER_FUNCTIONS } from "../lease/waiter_scripts.ts";

/** For how long a client that does not wait may overtake the first waiter, in microseconds. */
const OVERTAKE_US = 20_000;

/** Reads how many permits are used by living holds, and how many members of ended ones there are. */
const READ_STATE = `
local stateKey, holdsKey = KEYS[1], KEYS[2]
local call, pcall = redis.call, redis.pcall
local time = call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
local function permitsOf(holds)
  local sum = 0
  for _, hold in ipairs(holds) do sum = sum + string.match(hold, '^%d+') end
  return sum
end
local state = call('HMGET', stateKey, 'token', 'permits', 'used')
local first = call('ZRANGE', holdsKey, 0, 0, 'WITHSCORES')
local used, ended = tonumber(state[3] or 0), 0
if not first[1] then
  used = 0
else
  if not state[3] then used = permitsOf(call('ZRANGE', holdsKey, 0, -1)) end
  if tonumber(first[2]) <= now then
    local over = call('ZRANGEBYSCORE', holdsKey, '-inf', now)
    ended, used = #over, used - permitsOf(over)
  end
end
`;

const COMMON = `
${READ_STATE}
local queueKey, seenKey = KEYS[3], KEYS[4]
${WAITER_FUNCTIONS}
local function wants(waiter)
  return tonumber(string.match(waiter, '^%a:[^:]+:%d+:(%d+)'))
end
local function promised(waiter)
  return tonumber(call('ZSCORE', seenKey, waiter) or 0)
end
local function wake(free)
  local rank = 0
  while free > 0 or rank > 0 do
    local waiter = call('ZRANGE', queueKey, rank, rank)[1]
    if not waiter then return end
    local seen, goes = promised(waiter), wants(waiter) <= free
    if seen < now or not tell(waiter, goes and 'go' or 'next') then
      forget(waiter)
    else
      local comes = now + (goes and 1 or 3) * ${GRACE_MS}
      if seen > comes then pcall('ZADD', seenKey, comes, waiter) end
      if not goes then return end
      free = free - wants(waiter)
      rank = rank + 1
    end
  end
end
local function clean()
  if ended > 0 then call('ZREMRANGEBYSCORE', holdsKey, '-inf', now) end
end
local queued = call('ZCARD', queueKey) > 0
call('ZCARD', seenKey)
if ended > 0 then
  ${checkRights("holdsKey", "ZREMRANGEBYSCORE")}
end
${checkRights("stateKey", "HSET")}
`;

/**
 * Acquires permits or, if there is a waiter, queues it. Asked again with the value that holds some,
 * it grants them again with a new token, and the lease begins anew.
 *
 * `KEYS`: semaphore, holds, queue, seen. `ARGV`: value; lease in ms; how many; of how many; `1` if no
 * waiter may be overtaken; the waiter, or nothing if it does not wait; its ticket, if it has one;
 * the beginning of a waiter's channel; `1` if receivers can be counted.
 *
 * Replies `{1, token}`, `{0, after how many ms to ask again, ticket, permits free}`, or `{-1,
 * permits}` if others use it with another number of permits.
 */
export const TAKE: string = `
local value, lease, need, permits = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local fair, waiter, ticket = ARGV[5] == '1', ARGV[6], ARGV[7]
local channel, countable = ARGV[8], ARGV[9] == '1'
${COMMON}
local ttl = call('PTTL', holdsKey)
local token, known = tonumber(state[1] or 0), tonumber(state[2] or permits)
${checkRights("holdsKey", "ZADD", "ZREM", "PEXPIRE")}
${checkRights("stateKey", "PEXPIRE")}
if queued or waiter ~= '' then
  ${checkRights("queueKey", "ZRANGE", "ZRANK", "ZADD", "ZREM", "PEXPIRE")}
end
local hold = need .. ':' .. value
local function take()
  token = math.max(token + 1, us)
  call('ZADD', holdsKey, now + lease, hold)
  if ttl < lease then call('PEXPIRE', holdsKey, lease) end
  call('HSET', stateKey, 'token', string.format('%.0f', token), 'permits', permits, 'used', used)
  call('PEXPIRE', stateKey, ${TOKEN_KEPT_MS})
  clean()
  return { 1, token }
end
local ends = call('ZSCORE', holdsKey, hold)
if ends and tonumber(ends) > now then return take() end
if known ~= permits and (used > 0 or queued) then return { -1, known } end

-- How many permits the waiters before this one want; stops when they are too many.
local function before(enough)
  local rank, sum = 0, 0
  while sum <= enough do
    local other = call('ZRANGE', queueKey, rank, rank)[1]
    if not other or other == waiter then return sum end
    if promised(other) < now then
      forget(other)
    else
      sum = sum + wants(other)
      rank = rank + 1
    end
  end
  return sum
end
local free = permits - used
local goes = need <= free
if goes and queued then
  if not fair and waiter == '' then
    local eldest = call('ZRANGE', queueKey, 0, 0, 'WITHSCORES')
    fair = eldest[2] and us - eldest[2] > ${OVERTAKE_US}
  end
  if fair or waiter ~= '' then
    goes = before(free - need) <= free - need
    if not goes then
      wake(free) -- They may have missed the message, or be gone.
      goes = before(free - need) <= free - need
    end
  end
end

if goes then
  used = used + need
  take()
  if waiter ~= '' then forget(waiter) end
  if ended > 0 then wake(free - need) end
  return { 1, token }
end
if ended > 0 then
  clean()
  call('HSET', stateKey, 'used', used)
  wake(free)
  first = call('ZRANGE', holdsKey, 0, 0, 'WITHSCORES')
end
local look = first[1] and math.max(first[2] - now, 0) or ${GRACE_MS}
if waiter ~= '' then
  if ticket == '' then
    local behind = call('ZRANGE', queueKey, -1, -1, 'WITHSCORES')
    ticket = string.format('%.0f', math.max(us, behind[1] and behind[2] + 1 or 0))
  end
  call('ZADD', queueKey, ticket, waiter)
  local rank = call('ZRANK', queueKey, waiter)
  look = math.min(look, ${LOOK_MS}) + math.min(rank, 20) * ${GRACE_MS}
  call('ZADD', seenKey, now + math.floor(look * 1.25) + ${GRACE_MS}, waiter)
  call('PEXPIRE', queueKey, 60000)
  call('PEXPIRE', seenKey, 60000)
  call('HSET', stateKey, 'permits', permits, 'used', used)
  call('PEXPIRE', stateKey, ${TOKEN_KEPT_MS})
end
return { 0, look, ticket, free }
`;

/**
 * Renews the lease of a hold. `KEYS`: holds. `ARGV`: value, lease in ms, how many.
 * Replies 1, or 0 if the value does not hold them any more.
 */
export const RENEW_PERMITS: string = `
local hold, lease = ARGV[3] .. ':' .. ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], hold)
if not ends or tonumber(ends) <= now then return 0 end
${checkRights("KEYS[1]", "ZADD")}
-- First, since a server that is full refuses a script that begins with ZADD.
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), lease))
redis.call('ZADD', KEYS[1], now + lease, hold)
return 1
`;

/**
 * Releases permits, removes the waiter, or both; wakes the next waiters.
 *
 * `KEYS`: semaphore, holds, queue, seen. `ARGV`: value; how many; the waiter or nothing; the
 * beginning of a waiter's channel; `1` if receivers can be counted. Replies 1 if the value held
 * them.
 */
export const RELEASE_PERMITS: string = `
local value, need, waiter = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local channel, countable = ARGV[4], ARGV[5] == '1'
${COMMON}
if queued then
  ${checkRights("queueKey", "ZRANGE", "ZADD")}
end
local hold = need .. ':' .. value
local ends = call('ZSCORE', holdsKey, hold)
local held = ends and tonumber(ends) > now
call('ZREM', holdsKey, hold)
if waiter ~= '' then forget(waiter) end
clean()
if held then used = used - need end
if ends or ended > 0 then call('HSET', stateKey, 'used', used) end
if queued then wake((tonumber(state[2]) or 0) - used) end
return held and 1 or 0
`;

/** Counts the permits that are held. `KEYS`: semaphore, holds. */
export const COUNT_HELD: string = `
${READ_STATE}
return used
`;
