/**
 * The scripts of the semaphore. A server keeps these keys of a semaphore named N, at
 * `interlock:{N}:` and
 *
 * | key | type | contents |
 * | --- | --- | --- |
 * | `semaphore` | hash, expires an hour after the last use | `token`: the last one minted; `permits`: how many there are; `used`: how many are held |
 * | `semaphore-holds` | sorted set, expires with the last lease | a member for each hold, by the end of its lease: how many permits, ":", its value |
 * | `semaphore-queue` | sorted set | the waiters, by their tickets, which are in the order they came |
 * | `semaphore-seen` | sorted set | the waiters, by the time until which they count as alive |
 *
 * A hold is one member, whatever the number of its permits. `used` is the sum of all members, also
 * of those whose lease has ended and which no script has removed yet; without it, or without
 * members, the members are counted. All times are the server's, in milliseconds.
 *
 * A release grants permits to the waiters in their order, or wakes them, and no waiter behind one
 * that wants more than are free. The next ones ask a moment later, in case those before them are
 * stopped. When leases end, the first waiter that asks does the same. What a waiter promises, and how
 * a grant is told and confirmed, is as in the lock's queue. Like the scripts of the lock, these read,
 * and check everything that may fail, before they write.
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";
import { FRESH_MS, GRACE_MS, LOOK_MS, TOKEN_KEPT_MS } from "../lease/server_times.ts";
import { WAITER_FUNCTIONS } from "../lease/waiter_scripts.ts";

/** For how long a client that does not wait may overtake the first waiter, in microseconds. */
const OVERTAKE_US = 20_000;
/** How many waiters are told to look after those before them. */
const LOOKING = 4;

/** Reads how many permits are used by living holds, and how many members of ended ones there are. */
const READ_STATE = `
local stateKey, holdsKey = KEYS[1], KEYS[2]
local call, pcall = redis.call, redis.pcall
local time = call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
local function permitsOf(holds)
  local sum = 0
  for _, hold in ipairs(holds) do sum = sum + (string.match(hold, '^%d+') or 1) end
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
local token, granted = tonumber(state[1] or 0), 0 -- For how long permits were granted.
local countable
${WAITER_FUNCTIONS}
local function wants(waiter)
  return tonumber(string.match(waiter, '^%a:[^:]+:%d+:(%d+)'))
end
local function mint()
  token = math.max(token + 1, us)
  return token
end
-- Grants permits to a waiter, unless it must ask.
local function grant(waiter, ticket)
  local who, need, lease, owner = string.match(waiter, '^s:([^:]+:%d+):(%d+):(%d+)( .*)$')
  if not who or us - ticket > ${FRESH_MS * 1000} or not hears(waiter) then return false end
  local term = math.min(lease, math.max(math.floor(lease / 4), ${GRACE_MS}))
  forget(waiter)
  tell(waiter, string.format('grant:%.0f:%d', mint(), term))
  call('ZADD', holdsKey, now + term, need .. ':' .. who .. owner)
  used, granted = used + need, math.max(granted, term)
  return true
end
local function wake(free)
  local rank, delay = 0, ${GRACE_MS}
  while true do
    local waiter, seen, ticket = waiterAt(rank)
    if not waiter then return end
    if wants(waiter) > free then
      if told(waiter, seen, 'next:' .. delay, 2 * delay) then
        rank = rank + 1
        break
      end
    else
      local was = grant(waiter, ticket)
      if not was and told(waiter, seen, 'go', grace()) then
        was, rank, delay = true, rank + 1, grace()
      end
      if was then free = free - wants(waiter) end
    end
  end
  for _ = 1, ${LOOKING} do
    local waiter, seen
    repeat
      waiter, seen = waiterAt(rank)
      if not waiter then return end
      local by = delay + grace()
    until seen <= now + by + 1 or told(waiter, seen, 'next:' .. delay, by)
    rank, delay = rank + 1, delay + grace()
  end
end
-- Ends the script: removes what has ended, and records the rest.
local function save(permits)
  if ended > 0 then call('ZREMRANGEBYSCORE', holdsKey, '-inf', now) end
  if granted > 0 and call('PTTL', holdsKey) < granted then call('PEXPIRE', holdsKey, granted) end
  call('HSET', stateKey, 'token', string.format('%.0f', token), 'permits', permits, 'used', used)
  call('PEXPIRE', stateKey, ${TOKEN_KEPT_MS})
end
local queued = call('ZCARD', queueKey) > 0
call('ZCARD', seenKey)
if ended > 0 then
  ${checkRights("holdsKey", "ZREMRANGEBYSCORE")}
end
if queued then
  ${checkRights("holdsKey", "ZADD", "PTTL", "PEXPIRE", "ZRANGEBYSCORE")}
  ${checkRights("queueKey", "ZRANGE", "ZSCORE", "ZADD", "ZREM")}
end
${checkRights("stateKey", "HSET", "PEXPIRE")}
`;

/**
 * Acquires permits or, if there is a waiter, queues it. Asked again with the value that holds some,
 * it grants them again with a new token, and the lease begins anew.
 *
 * `KEYS`: semaphore, holds, queue, seen. `ARGV`: value; lease in ms; how many; of how many; `1` if no
 * waiter may be overtaken; the waiter, or nothing if it does not wait; its ticket, if it has one;
 * the beginning of a waiter's channel.
 *
 * Replies `{1, token}`, `{0, after how many ms to ask again, ticket, permits free, the last token}`,
 * or `{-1, permits}` if others use it with another number of permits.
 */
export const TAKE: string = `
local value, lease, need, permits = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local fair, waiter, ticket, channel = ARGV[5] == '1', ARGV[6], ARGV[7], ARGV[8]
${COMMON}
local ttl, known = call('PTTL', holdsKey), tonumber(state[2] or permits)
${checkRights("holdsKey", "ZADD", "ZREM", "PEXPIRE")}
if waiter ~= '' then
  ${checkRights("queueKey", "ZRANGE", "ZRANK", "ZADD", "ZREM", "PEXPIRE")}
end
local hold = need .. ':' .. value
local function take()
  call('ZADD', holdsKey, now + lease, hold)
  if ttl < lease then call('PEXPIRE', holdsKey, lease) end
  if waiter ~= '' then forget(waiter) end
  return { 1, mint() }
end
local ends = call('ZSCORE', holdsKey, hold)
if ends and tonumber(ends) > now then
  local reply = take()
  save(permits)
  return reply
end
if known ~= permits and (used > 0 or queued) then return { -1, known } end

-- Whether the waiters before this one leave it enough; it counts no more of them than needed.
local function isNext()
  local rank, free = 0, permits - used - need
  while free >= 0 do
    local other = waiterAt(rank)
    if not other or other == waiter then return true end
    free = free - wants(other)
    rank = rank + 1
  end
  return false
end
local goes = need <= permits - used
if goes and queued then
  if not fair and waiter == '' then
    local eldest = call('ZRANGE', queueKey, 0, 0, 'WITHSCORES')
    fair = eldest[2] and us - eldest[2] > ${OVERTAKE_US}
  end
  if (fair or waiter ~= '') and not isNext() then
    wake(permits - used) -- They may have missed the message, or be gone.
    if call('ZSCORE', holdsKey, hold) then
      local reply = take()
      save(permits)
      return reply
    end
    goes = isNext()
  end
end

if goes then
  used = used + need
  local reply = take()
  if ended > 0 then wake(permits - used) end
  save(permits)
  return reply
end
if waiter == '' then
  if ended > 0 then wake(permits - used) end
  if ended > 0 or granted > 0 then save(permits) end
  return { 0, 0, ticket, permits - used, token }
end
local first = call('ZRANGEBYSCORE', holdsKey, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local look = first[1] and math.max(first[2] - now, 0) or ${GRACE_MS}
local counted = hears(waiter)
if ticket == '' then
  local behind = call('ZRANGE', queueKey, -1, -1, 'WITHSCORES')
  ticket = string.format('%.0f', math.max(us, behind[1] and behind[2] + 1 or 0))
  -- A waiter whose grant was lost with its message asks soon.
  if counted then look = math.min(look, ${FRESH_MS}) end
end
call('ZADD', queueKey, ticket, waiter)
local rank = call('ZRANK', queueKey, waiter)
look = math.min(look, ${LOOK_MS}) + math.min(rank, 20) * ${GRACE_MS}
call('ZADD', seenKey, now + math.floor(look * 1.25) + ${GRACE_MS} + (counted and 0.5 or 0), waiter)
call('PEXPIRE', queueKey, 60000)
call('PEXPIRE', seenKey, 60000)
local last = token
if ended > 0 then wake(permits - used) end
save(permits)
return { 0, look, ticket, permits - used, last }
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
 * Releases permits, removes the waiter, or both; grants permits to the next waiters, or wakes them.
 *
 * `KEYS`: semaphore, holds, queue, seen. `ARGV`: value; how many; of how many; the waiter or nothing;
 * the beginning of a waiter's channel. Replies 1 if the value held them.
 */
export const RELEASE_PERMITS: string = `
local value, need, permits = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local waiter, channel = ARGV[4], ARGV[5]
${COMMON}
local hold = need .. ':' .. value
local ends = call('ZSCORE', holdsKey, hold)
local held = ends and tonumber(ends) > now
call('ZREM', holdsKey, hold)
if ends and not held then ended = ended - 1 end
if waiter ~= '' then forget(waiter) end
if held then used = used - need end
if queued then wake(permits - used) end
if ends or ended > 0 or granted > 0 then save(permits) end
return held and 1 or 0
`;

/** Counts the permits that are held. `KEYS`: semaphore, holds. */
export const COUNT_HELD: string = `
${READ_STATE}
return used
`;
