import { checkRights } from "../client/rights.ts";
import { SHARED } from "../lease/holder_value.ts";
import { GRACE_MS, HOLDER_KEPT_MS, LOOK_MS } from "../lease/server_times.ts";
import { QUEUE_KEPT_MS } from "./lock_scripts.ts";
import { QUEUE_FUNCTIONS } from "./queue_scripts.ts";

/**
 * Acquires the locks of several names at once, exclusively, or none of them. If one is not free, the
 * waiter enters the queues of all, with the same ticket. So of two such waiters, the one that came
 * first is before the other in each queue, and they cannot wait for each other. A waiter holds
 * nothing, and a lock that it cannot use yet goes to the next waiter, unless it is fair. Asked again
 * with the value that holds the locks, it grants them again, and the lease begins anew.
 *
 * The token is greater than the last one of each name.
 *
 * `KEYS`: lock, token, shared, queue and seen of each name. `ARGV`: value; lease in ms; `1` if no
 * waiter may be overtaken; the waiter, or nothing if it does not wait; its ticket, if it has one.
 * Replies as `ACQUIRE`, without the last token.
 */
export const ACQUIRE_JOINTLY = `
local value, lease, fair, waiter, ticket = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4], ARGV[5]
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local now = math.floor(us / 1000)
local locks, newest, repeated, previous = {}, 0, true, false
for i = 1, #KEYS, 5 do
  local lock, hash, shared, queue, seen = KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3], KEYS[i + 4]
  local held = redis.call('GET', lock)
  local last = redis.call('HMGET', hash, 'token', 'holder')
  local token = tonumber(last[1] or 0)
  newest = math.max(newest, token)
  repeated = repeated and held == value
  previous = previous or last[2]
  redis.call('ZCARD', shared)
  redis.call('ZCARD', seen)
  local queued = redis.call('ZCARD', queue) > 0
  ${checkRights("lock", "SET", "DEL", "PEXPIRE")}
  ${checkRights("hash", "HSET", "HDEL", "PEXPIRE")}
  ${checkRights("shared", "DEL")}
  if queued or waiter ~= '' then
    ${checkRights("queue", "ZRANGE", "ZRANK", "ZCOUNT", "ZSCORE", "ZADD", "ZREM", "PEXPIRE")}
  end
  locks[#locks + 1] = {
    lock = lock, hash = hash, shared = shared, queue = queue, seen = seen,
    held = held, last = last[2], token = token, queued = queued,
  }
end
if repeated then
  for _, it in ipairs(locks) do redis.call('PEXPIRE', it.lock, lease) end
  return { 1, newest, false }
end

local function queueOf(KEYS, queueKey, seenKey, token)
  ${QUEUE_FUNCTIONS}
  return { forget = forget, wake = wake, hears = hears }
end
-- How long an earlier waiter may take to come; nil if there is none.
local function before(it)
  while true do
    local first = redis.call('ZRANGE', it.queue, 0, 0)[1]
    if not first or first == waiter then return nil end
    local seen = tonumber(redis.call('ZSCORE', it.seen, first) or 0)
    if seen >= now then return seen - now end
    it.waiters.forget(first)
  end
end

-- After how many ms all may be free; nil if they are.
local look, holder
for _, it in ipairs(locks) do
  it.waiters = queueOf({ it.lock, it.hash }, it.queue, it.seen, it.token)
  local wait
  if it.held == '${SHARED}' then
    local latest = redis.call('ZRANGE', it.shared, -1, -1, 'WITHSCORES')
    if latest[1] and tonumber(latest[2]) > now then wait = latest[2] - now end
  elseif it.held then
    wait = redis.call('PTTL', it.lock)
    if wait < 0 then wait = ${GRACE_MS} end
  end
  it.free = not wait
  if wait then
    holder = holder or it.held
  elseif fair and it.queued then
    wait = before(it)
    if wait then
      if it.held then redis.call('DEL', it.lock) end
      it.waiters.wake() -- They may have missed the message, or be gone.
      wait = before(it)
    end
  end
  if wait then look = math.max(look or 0, wait) end
end

if not look then
  newest = math.max(newest + 1, us)
  for _, it in ipairs(locks) do
    redis.call('SET', it.lock, value, 'PX', lease)
    redis.call('HSET', it.hash, 'token', string.format('%.0f', newest), 'holder', value)
    if it.last then redis.call('HSET', it.hash, 'before', it.last) end
    redis.call('PEXPIRE', it.hash, ${HOLDER_KEPT_MS})
    if it.held then redis.call('DEL', it.shared) end
    if ticket ~= '' then it.waiters.forget(waiter) end
  end
  return { 1, newest, previous }
end
if waiter == '' then return { 0, look, '', holder } end

if ticket == '' then
  local place = us
  for _, it in ipairs(locks) do
    local behind = redis.call('ZRANGE', it.queue, -1, -1, 'WITHSCORES')
    if behind[1] then place = math.max(place, behind[2] + 1) end
  end
  ticket = string.format('%.0f', place)
end
local rank = 0
for _, it in ipairs(locks) do
  redis.call('ZREM', it.queue, waiter)
  -- The next waiter may have the lock that this one cannot use yet.
  if it.free and not fair and redis.call('ZCOUNT', it.queue, '-inf', '(' .. ticket) == 0 then
    if it.held then redis.call('DEL', it.lock) end
    it.waiters.wake(not it.last)
  end
  redis.call('ZADD', it.queue, ticket, waiter)
  rank = math.max(rank, redis.call('ZRANK', it.queue, waiter))
end
look = math.min(look, ${LOOK_MS}) + math.min(rank, 20) * ${GRACE_MS}
for _, it in ipairs(locks) do
  local seen = now + math.floor(look * 1.25) + ${GRACE_MS}
  if it.waiters.hears(waiter) then seen = seen + 0.5 end
  redis.call('ZADD', it.seen, seen, waiter)
  redis.call('PEXPIRE', it.queue, ${QUEUE_KEPT_MS})
  redis.call('PEXPIRE', it.seen, ${QUEUE_KEPT_MS})
end
return { 0, look, ticket, holder }
`;
