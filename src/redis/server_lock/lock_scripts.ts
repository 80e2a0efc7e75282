/**
 * The scripts of the lock. A server keeps these keys of a lock named N, at `interlock:{N}:` and
 *
 * | key | type | contents |
 * | --- | --- | --- |
 * | `lock` | string, expires with the lease | the value of the exclusive holder; `r` while the lock is shared |
 * | `shared` | sorted set | the values of the shared holders, by the end of their leases |
 * | `token` | hash, expires an hour after a release, else after 30 days | `token`: the last one minted; `holder`: the value of the exclusive holder, or of the last one if it did not release; `before`: the same of the holder before |
 * | `queue` | sorted set | the waiters, by their tickets, which are in the order they came |
 * | `seen` | sorted set | the waiters, by the time until which they count as alive |
 *
 * All times are the server's, in milliseconds. A waiter promises to ask again by a certain time,
 * and is dropped if it does not. It is also dropped if the message that wakes it has no receiver. A
 * release grants the lock to the first waiter, or wakes it (or the first few, if all of them
 * share), and tells the next ones to ask a moment later, in case the first is stopped. All others
 * sleep on.
 *
 * In a script, the part that each acquire and release needs comes first, and creates no functions.
 * A script is not rolled back, so before it writes, it reads, and checks everything that may fail
 * (a key of another type, a missing right).
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";
import { SHARED } from "../lease/holder_value.ts";
import { FRESH_MS, GRACE_MS, HOLDER_KEPT_MS, LOOK_MS } from "../lease/server_times.ts";
import { CHECK_HOLD_RIGHTS, LEAVE, MINT, READ_TOKEN, REPEAT } from "./minting_scripts.ts";
import { QUEUE_FUNCTIONS } from "./queue_scripts.ts";

/** Longer than any waiter sleeps. */
export const QUEUE_KEPT_MS = 60_000;

/**
 * Acquires a free lock, exclusively.
 *
 * `KEYS`: lock, token. `ARGV`: value, lease in ms, how many tokens to mint. Replies as
 * {@linkcode ACQUIRE}.
 */
export const TAKE = `
local value, lease, tokens = ARGV[1], ARGV[2], ARGV[3]
local held = redis.call('GET', KEYS[1])
if held then
  if held ~= value then return { 0, 0, '', held } end
  ${REPEAT}
end
${READ_TOKEN}
${CHECK_HOLD_RIGHTS}
${MINT}
`;

/**
 * Acquires the lock or, if there is a waiter, queues it. Asked again with the value that holds the
 * lock, it grants the lock again, and the lease begins anew.
 *
 * `KEYS`: lock, token, shared, queue, seen. `ARGV`: value; lease in ms; how many tokens to mint;
 * `w` exclusive or `r` shared; `1` if no waiter may be overtaken; the waiter, or nothing if it does
 * not wait; its ticket, if it has one.
 *
 * Replies `{1, the first token, the holder that did not release}` or `{0, after how many ms to ask
 * again, ticket, the value at the lock, the last token}`.
 */
export const ACQUIRE = `
local sharedKey, queueKey, seenKey = KEYS[3], KEYS[4], KEYS[5]
local value, lease, tokens = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local mode, fair, waiter, ticket = ARGV[4], ARGV[5] == '1', ARGV[6], ARGV[7]
${READ_TOKEN}
local now = math.floor(us / 1000)
local held = redis.call('GET', KEYS[1])
if held == value and mode == 'w' then
  ${REPEAT}
end
local queued = redis.call('ZCARD', queueKey) > 0
${CHECK_HOLD_RIGHTS}
if not held and not queued and mode == 'w' then
  ${MINT}
end
${QUEUE_FUNCTIONS}
${checkRights("KEYS[1]", "SET")}
if queued or waiter ~= '' then
  redis.call('ZCARD', seenKey)
  ${checkRights("queueKey", "ZRANGE", "ZRANK", "ZSCORE", "ZADD", "ZREM", "PEXPIRE")}
end
if held == '${SHARED}' or mode == 'r' then
  redis.call('ZCARD', sharedKey)
  ${checkRights("sharedKey", "ZRANGE", "ZADD", "ZREM", "ZREMRANGEBYSCORE", "PEXPIRE")}
  ${checkRights("KEYS[1]", "PTTL")}
end

-- After how many ms the lock may be free; nil if it is.
local look
if held and held ~= '${SHARED}' then
  look = redis.call('PTTL', KEYS[1])
  if look < 0 then look = ${GRACE_MS} end
elseif held then
  redis.call('ZREMRANGEBYSCORE', sharedKey, '-inf', now)
  local last = redis.call('ZRANGE', sharedKey, -1, -1, 'WITHSCORES')
  if not last[1] then
    redis.call('DEL', KEYS[1])
    held = false
  elseif mode == 'w' then
    look = tonumber(last[2]) - now
  end
end

-- How long an earlier waiter may take to come; nil if there is none.
local function before()
  while true do
    local first = redis.call('ZRANGE', queueKey, 0, 0)[1]
    if not first or first == waiter then return nil end
    local seen = tonumber(redis.call('ZSCORE', seenKey, first) or 0)
    if seen < now then
      forget(first)
    elseif mode == 'w' then
      return seen - now
    else
      local rank = waiter ~= '' and redis.call('ZRANK', queueKey, waiter) or -1
      for _, other in ipairs(redis.call('ZRANGE', queueKey, 0, rank)) do
        if not shares(other) then return seen - now end
      end
      return nil
    end
  end
end
if not look and (fair or mode == 'r') and queued then
  look = before()
  if look and not held then
    wake() -- They may have missed the message, or be gone.
    look = before()
  end
end

if look then
  if waiter ~= '' then
    local counted = hears(waiter)
    -- A waiter whose grant was lost with its message asks soon.
    if counted and ticket == '' and mode == 'w' then look = math.min(look, ${FRESH_MS}) end
    if ticket == '' then
      local behind = redis.call('ZRANGE', queueKey, -1, -1, 'WITHSCORES')
      ticket = string.format('%.0f', math.max(us, behind[1] and behind[2] + 1 or 0))
    end
    redis.call('ZADD', queueKey, ticket, waiter)
    local rank = redis.call('ZRANK', queueKey, waiter)
    look = math.min(look, ${LOOK_MS}) + math.min(rank, 20) * ${GRACE_MS}
    local seen = now + math.floor(look * 1.25) + ${GRACE_MS}
    redis.call('ZADD', seenKey, counted and seen + 0.5 or seen, waiter)
    redis.call('PEXPIRE', queueKey, ${QUEUE_KEPT_MS})
    redis.call('PEXPIRE', seenKey, ${QUEUE_KEPT_MS})
  end
  return { 0, look, ticket, held, token }
end

if ticket ~= '' then forget(waiter) end
if mode == 'r' then
  redis.call('ZADD', sharedKey, now + lease, value)
  local keep = math.max(redis.call('PTTL', KEYS[1]), lease)
  redis.call('SET', KEYS[1], '${SHARED}', 'PX', keep)
  redis.call('PEXPIRE', sharedKey, keep)
  local first = redis.call('ZRANGE', queueKey, 0, 0)[1]
  if first and shares(first) then wake() end
  return { 1, false, last[2] }
end
${MINT}
`;

/**
 * Renews the lease. `KEYS`: lock, and shared if the hold is shared. `ARGV`: value, lease in ms.
 * Replies 1, or 0 if the value does not hold the lock any more.
 */
export const RENEW = `
local value, lease = ARGV[1], tonumber(ARGV[2])
if not KEYS[2] then
  if redis.call('GET', KEYS[1]) ~= value then return 0 end
  return redis.call('PEXPIRE', KEYS[1], lease)
end
if redis.call('GET', KEYS[1]) ~= '${SHARED}' then return 0 end
if not redis.call('ZSCORE', KEYS[2], value) then return 0 end
local time = redis.call('TIME')
local keep = math.max(redis.call('PTTL', KEYS[1]), lease)
${checkRights("KEYS[2]", "ZADD")}
-- First, since a server that is full refuses a script that begins with ZADD.
redis.call('PEXPIRE', KEYS[1], keep)
redis.call('PEXPIRE', KEYS[2], keep)
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + lease, value)
return 1
`;

/**
 * Makes an exclusive hold shared, and wakes the waiters that may share it now. Asked again with a
 * value that shares the lock, it renews the lease.
 *
 * `KEYS`: lock, token, queue, seen, shared. `ARGV`: value; lease in ms; how many of its tokens were
 * not used. Replies 1, or 0 if the value does not hold the lock any more.
 */
export const DOWNGRADE = `
local queueKey, seenKey, sharedKey = KEYS[3], KEYS[4], KEYS[5]
local value, lease, spare = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local held = redis.call('GET', KEYS[1])
local isShared = held == '${SHARED}' and redis.call('ZSCORE', sharedKey, value)
redis.call('ZCARD', sharedKey)
redis.call('HLEN', KEYS[2])
if held ~= value and not isShared then return 0 end
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
local queued = redis.call('ZCARD', queueKey) > 0
redis.call('ZCARD', seenKey)
local keep = isShared and math.max(redis.call('PTTL', KEYS[1]), lease) or lease
${checkRights("KEYS[1]", "SET")}
${checkRights("sharedKey", "DEL", "ZADD", "PEXPIRE")}
${checkRights("KEYS[2]", "PEXPIRE", "HINCRBY")}
if queued then
  ${checkRights("queueKey", "ZRANGE", "ZSCORE", "ZADD", "ZREM")}
end
-- A server that is full refuses a script that begins with SET or ZADD.
if isShared then
  redis.call('PEXPIRE', KEYS[1], keep)
else
  ${LEAVE}
  redis.call('DEL', sharedKey)
  redis.call('SET', KEYS[1], '${SHARED}', 'PX', keep)
end
redis.call('ZADD', sharedKey, now + lease, value)
redis.call('PEXPIRE', sharedKey, keep)
if not queued then return 1 end
${QUEUE_FUNCTIONS}
local first = redis.call('ZRANGE', queueKey, 0, 0)[1]
if first and shares(first) then wake() end
return 1
`;

/**
 * Makes the only shared hold exclusive, with a new value. Asked again with the new value that holds
 * the lock, it grants the lock again, and the lease begins anew.
 *
 * `KEYS`: lock, token, shared. `ARGV`: new value; lease in ms; how many tokens to mint; the value
 * that shares the lock. Replies as {@linkcode ACQUIRE}; `{0, 0, '', 'r'}` if others share the lock,
 * `{-1}` if the value does not share it any more.
 */
export const UPGRADE = `
local sharedKey = KEYS[3]
local value, lease, tokens, was = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local held = redis.call('GET', KEYS[1])
if held == value then
  ${REPEAT}
end
local ends = redis.call('ZSCORE', sharedKey, was)
${READ_TOKEN}
local now = math.floor(us / 1000)
if held ~= '${SHARED}' or not ends or tonumber(ends) <= now then return { -1 } end
if redis.call('ZCOUNT', sharedKey, '(' .. now, '+inf') > 1 then return { 0, 0, '', held } end
${CHECK_HOLD_RIGHTS}
${checkRights("KEYS[1]", "SET")}
redis.call('DEL', sharedKey)
${MINT}
`;

/**
 * Tells a server a token that another one has minted, so that its next one is greater. `KEYS`:
 * lock, token. `ARGV`: value, the token. Replies 1, or 0 if the value does not hold the lock any
 * more.
 */
export const RAISE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local token = tonumber(redis.call('HGET', KEYS[2], 'token') or 0)
if token < tonumber(ARGV[2]) then redis.call('HSET', KEYS[2], 'token', ARGV[2]) end
return 1
`;

/**
 * Releases the lock, removes the waiter, or both; wakes the next waiter.
 *
 * `KEYS`: lock, token, queue, seen, and shared if the hold is shared. `ARGV`: value; how many of its
 * tokens were not used; only if the grant was not used: the waiter, or an empty text. Replies 1 if
 * the value held the lock.
 */
export const RELEASE = `
local queueKey, seenKey, sharedKey = KEYS[3], KEYS[4], KEYS[5]
local value, spare, waiter, unused = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[3]
if waiter == '' then waiter = nil end
local was, held = 0, redis.call('GET', KEYS[1])
local queued = redis.call('ZCARD', queueKey) > 0
local isAlone = not waiter and not queued and held ~= '${SHARED}'
local us, now, token
if not isAlone then
  local clock = redis.call('TIME')
  us = clock[1] * 1000000 + clock[2]
  now = math.floor(us / 1000)
  redis.call('ZCARD', seenKey)
  ${checkRights("queueKey", "ZRANGE", "ZSCORE", "ZREM")}
end
if held == value then
  ${checkRights("KEYS[1]", "DEL")}
  ${checkRights("KEYS[2]", "PEXPIRE")}
  if spare > 0 then
    ${checkRights("KEYS[2]", "HINCRBY")}
  end
  local before = unused and redis.call('HGET', KEYS[2], 'before')
  if before then
    ${checkRights("KEYS[2]", "HSET")}
  end
  if queued then
    token = (redis.call('HGET', KEYS[2], 'token') or spare) - spare
    ${checkRights("KEYS[2]", "HSET")}
    ${checkRights("KEYS[1]", "SET")}
  end
  ${LEAVE}
  if before then
    -- The next holder learns of it, so it must ask.
    redis.call('HSET', KEYS[2], 'holder', before)
    redis.call('PEXPIRE', KEYS[2], ${HOLDER_KEPT_MS})
    token = nil
  end
  redis.call('DEL', KEYS[1])
  was, held = 1, false
elseif sharedKey then
  ${checkRights("sharedKey", "ZREMRANGEBYSCORE", "EXISTS")}
  ${checkRights("KEYS[1]", "DEL")}
  was = redis.call('ZREM', sharedKey, value)
end
if isAlone then return was end
${QUEUE_FUNCTIONS}
if waiter then forget(waiter) end
local first = redis.call('ZRANGE', queueKey, 0, 0)[1]
if held == '${SHARED}' and sharedKey then
  redis.call('ZREMRANGEBYSCORE', sharedKey, '-inf', now)
  if redis.call('EXISTS', sharedKey) == 0 then
    redis.call('DEL', KEYS[1])
    held = false
  end
end
if first and (not held or held == '${SHARED}' and shares(first)) then wake(token) end
return was
`;
