/**
 * The scripts of the semaphore. A server keeps these keys of a semaphore named N, at
 * `interlock:{N}:` and
 *
 * | key | type | contents |
 * | --- | --- | --- |
 * | `semaphore` | sorted set | a member for each held permit, by the end of its lease |
 * | `semaphore-token` | hash, expires 30 days after the last use | `token`: the last one minted; `permits`: how many there are |
 * | `semaphore-queue` | sorted set | the waiters, by their tickets, which are in the order they came |
 * | `semaphore-seen` | sorted set | the waiters, by the time until which they count as alive |
 *
 * A hold of 3 permits has 3 members, so the length of the set is the number of held permits. All
 * times are the server's, in milliseconds. Waiters are woken in their order, as many as there are
 * permits for; the next one asks a moment later, in case one of them is dead. When leases end, the
 * first waiter that asks wakes those for which the free permits suffice. Like the scripts of the
 * lock, these read, and check everything that may fail, before they write.
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";
import { GRACE_MS, LOOK_MS, TOKEN_KEPT_MS } from "../lease/server_times.ts";
import { WAITER_FUNCTIONS } from "../lease/waiter_scripts.ts";

const COMMON = `
local permitsKey, tokenKey, queueKey, seenKey = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call, pcall = redis.call, redis.pcall
local time = call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
${WAITER_FUNCTIONS}
local function wants(waiter)
  return tonumber(string.match(waiter, '%d+$'))
end
local function wake(free)
  local rank = 0
  while free > 0 or rank > 0 do
    local waiter = call('ZRANGE', queueKey, rank, rank)[1]
    if not waiter then return end
    local seen = tonumber(call('ZSCORE', seenKey, waiter) or 0)
    local goes = wants(waiter) <= free
    if not goes and rank == 0 then return end
    if seen < now or not tell(waiter, goes and 'go' or 'next') then
      forget(waiter)
    elseif not goes then
      return
    else
      if seen > now + ${GRACE_MS} then pcall('ZADD', seenKey, now + ${GRACE_MS}, waiter) end
      free = free - wants(waiter)
      rank = rank + 1
    end
  end
end
local ended = call('ZCOUNT', permitsKey, '-inf', now)
local function clean()
  if ended > 0 then call('ZREMRANGEBYSCORE', permitsKey, '-inf', now) end
end
local queued = call('ZCARD', queueKey) > 0
call('ZCARD', seenKey)
if ended > 0 then
  ${checkRights("permitsKey", "ZREMRANGEBYSCORE")}
end
`;

/**
 * Acquires permits or, if there is a waiter, queues it. Asked again with the value that holds some,
 * it grants them again, and the lease begins anew.
 *
 * `KEYS`: permits, token, queue, seen. `ARGV`: value; lease in ms; how many; of how many; `1` if no
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
local ttl = call('PTTL', permitsKey)
local function hold()
  for i = 1, need do call('ZADD', permitsKey, now + lease, i .. ':' .. value) end
  if ttl < lease then call('PEXPIRE', permitsKey, lease) end
end
local last = call('HMGET', tokenKey, 'token', 'permits')
local token, known = tonumber(last[1]), tonumber(last[2] or permits)
${checkRights("permitsKey", "ZADD", "ZREM", "ZRANGE", "PEXPIRE")}
${checkRights("tokenKey", "HSET")}
if queued or waiter ~= '' then
  ${checkRights("queueKey", "ZRANK")}
end
local ends = call('ZSCORE', permitsKey, '1:' .. value)
if ends and tonumber(ends) > now then
  hold()
  return { 1, token or us }
end
local used = call('ZCARD', permitsKey) - ended
if known ~= permits and (used > 0 or queued) then return { -1, known } end

local function before()
  local rank = waiter ~= '' and call('ZRANK', queueKey, waiter) or permits
  local sum = 0
  if rank > 0 then
    for _, other in ipairs(call('ZRANGE', queueKey, 0, math.min(rank, permits) - 1)) do
      if tonumber(call('ZSCORE', seenKey, other) or 0) < now then
        forget(other)
      else
        sum = sum + wants(other)
      end
    end
  end
  return sum
end
local free = permits - used
local goes = need <= free
if goes and fair and queued then
  goes = before() + need <= free
  if not goes then
    wake(free)
    goes = before() + need <= free
  end
end

if goes then
  token = math.max(token and token + 1 or 0, us)
  hold()
  call('HSET', tokenKey, 'token', string.format('%.0f', token), 'permits', permits)
  call('PEXPIRE', tokenKey, ${TOKEN_KEPT_MS})
  if waiter ~= '' then forget(waiter) end
  clean()
  if ended > 0 then wake(free - need) end
  return { 1, token }
end
clean()
if ended > 0 then wake(free) end
local first = call('ZRANGE', permitsKey, 0, 0, 'WITHSCORES')
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
  call('HSET', tokenKey, 'permits', permits)
  call('PEXPIRE', tokenKey, ${TOKEN_KEPT_MS})
end
return { 0, look, ticket, free }
`;

/**
 * Renews the lease of a hold. `KEYS`: permits. `ARGV`: value, lease in ms, how many.
 * Replies 1, or 0 if the value does not hold them any more.
 */
export const RENEW_PERMITS: string = `
local value, lease, need = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = redis.call('ZSCORE', KEYS[1], '1:' .. value)
if not ends or tonumber(ends) <= now then return 0 end
${checkRights("KEYS[1]", "ZADD")}
-- First, since a server that is full refuses a script that begins with ZADD.
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), lease))
for i = 1, need do redis.call('ZADD', KEYS[1], now + lease, i .. ':' .. value) end
return 1
`;

/**
 * Releases permits, removes the waiter, or both; wakes the next waiters.
 *
 * `KEYS`: permits, token, queue, seen. `ARGV`: value; how many; the waiter or nothing; the
 * beginning of a waiter's channel; `1` if receivers can be counted. Replies 1 if the value held
 * them.
 */
export const RELEASE_PERMITS: string = `
local value, need, waiter = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local channel, countable = ARGV[4], ARGV[5] == '1'
${COMMON}
local permits = queued and tonumber(call('HGET', tokenKey, 'permits') or 0)
if queued then
  ${checkRights("queueKey", "ZRANGE")}
end
local ends = call('ZSCORE', permitsKey, '1:' .. value)
for i = 1, need do call('ZREM', permitsKey, i .. ':' .. value) end
if waiter ~= '' then forget(waiter) end
clean()
if queued then wake(permits - call('ZCARD', permitsKey)) end
return ends and tonumber(ends) > now and 1 or 0
`;
