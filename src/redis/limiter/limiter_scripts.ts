/**
 * The scripts of the rate limiter. A server keeps these keys of a limiter named N, at
 * `interlock:{N}:` and
 *
 * | key | type | contents |
 * | --- | --- | --- |
 * | `rate` | hash | `at`: the time of the last grant; `ahead`: how far the times are ahead of the clock; `level`: the permits in the bucket, negative if some are reserved |
 * | `rate-log` | sorted set | without a bucket: the times of the grants, by the number of permits granted up to then |
 *
 * Both expire when they would limit nothing any more. A grant may lie in the future: it is a
 * reservation, and no later one comes before it, so waiters are served in the order they came, and
 * need one request each.
 *
 * The log is an exact sliding window ("sliding log"), with a running total instead of one member for
 * each permit: a request must wait until the member at `total + permits - limit` is one interval
 * old, which one lookup finds. Grants within a thousandth of the interval are one member, with the
 * time of the last of them, so there are about a thousand members, and the window is never too
 * short. The bucket is a token bucket that may be in debt.
 *
 * All times are in microseconds, by the server's clock. If that is set back, `ahead` grows by as
 * much, so the times go on.
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";

const COMMON = `
local stateKey, logKey = KEYS[1], KEYS[2]
local need, limit, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local call = redis.call
local step = math.ceil(interval / 1000)
local function whole(number)
  return string.format('%.0f', number)
end
local function isSame(time, other)
  return math.floor(time / step) == math.floor(other / step)
end
`;

/**
 * Takes permits now, or reserves them for later. `KEYS`: rate, rate-log. `ARGV`: how many permits;
 * the limit; the interval; the burst, or nothing for a window; how long the caller would wait, or
 * nothing if as long as it takes.
 *
 * Replies `{1 if granted, how long to wait, how many more are free now, the time of the grant}`.
 */
export const TAKE_RATE: string = `
${COMMON}
local patience = tonumber(ARGV[5])
local time = call('TIME')
local us = time[1] * 1000000 + time[2]
local state = call('HMGET', stateKey, 'at', 'ahead', 'level')
local at, ahead, level = tonumber(state[1] or 0), tonumber(state[2] or 0), tonumber(state[3])
local isBack = us + ahead < at
if isBack then ahead = at - us end
local now = us + ahead
local wait, free, gone = 0, 0, -1
local last, total, latest = {}, 0, 0
if burst then
  level = math.min(burst, (level or burst) + (now - at) * limit / interval)
  free = level
  level = level - need
  if level < -0.000001 then wait = math.ceil(-level * interval / limit) end
else
  last = call('ZRANGE', logKey, -1, -1, 'WITHSCORES')
  latest, total = tonumber(last[1] or 0), tonumber(last[2] or 0)
  local before = 0 -- The total before the window.
  while true do
    local entry = call('ZRANGE', logKey, gone + 1, gone + 1, 'WITHSCORES')
    if not entry[1] or tonumber(entry[1]) > now - interval then break end
    gone, before = gone + 1, tonumber(entry[2])
  end
  if latest <= now then free = limit - total + before end
  wait = math.max(0, latest - now)
  local over = total + need - limit
  if over > before then
    local entry = call('ZRANGEBYSCORE', logKey, over, '+inf', 'LIMIT', 0, 1)
    wait = math.max(wait, entry[1] + interval - now)
  end
end
local goes = not patience or wait <= patience
if goes or isBack or gone > 0 then
  ${checkRights("stateKey", "HSET", "PEXPIRE")}
  ${checkRights("logKey", "ZADD", "ZREM", "ZREMRANGEBYRANK", "PEXPIRE")}
end
if goes then
  local grant, kept = now + wait, 0
  if burst then
    kept = (burst - level) * interval / limit
  else
    kept = wait + interval
    call('ZADD', logKey, whole(total + need), whole(grant))
    if last[1] and latest ~= grant and isSame(latest, grant) then call('ZREM', logKey, last[1]) end
    call('PEXPIRE', logKey, math.ceil(kept / 1000) + 1)
  end
  call('HSET', stateKey, 'at', whole(now), 'ahead', whole(ahead))
  if burst then call('HSET', stateKey, 'level', string.format('%.9f', level)) end
  call('PEXPIRE', stateKey, math.ceil(kept / 1000) + 1)
elseif isBack then
  call('HSET', stateKey, 'ahead', whole(ahead))
end
-- The last one before the window stays, for the total.
if gone > 0 then call('ZREMRANGEBYRANK', logKey, 0, gone - 1) end
if goes then free = wait > 0 and 0 or free - need end
return { goes and 1 or 0, wait, math.floor(math.max(0, free) + 0.000001), now + wait }
`;

/**
 * Gives back permits that were not used. `KEYS` and `ARGV`: as {@linkcode TAKE_RATE}, with the time
 * of the grant as the last one. Later reservations stay where they are. Replies 1 if they were
 * recorded.
 */
export const RETURN_RATE: string = `
${COMMON}
local grant = tonumber(ARGV[5])
if burst then
  local level = call('HGET', stateKey, 'level')
  if not level then return 0 end
  call('HSET', stateKey, 'level', string.format('%.9f', math.min(burst, level + need)))
  return 1
end
local before, was = 0, 0
local entries = call('ZRANGE', logKey, 0, -1, 'WITHSCORES')
${checkRights("logKey", "ZADD", "ZREM")}
for i = 1, #entries, 2 do
  local total = tonumber(entries[i + 1])
  if tonumber(entries[i]) >= grant then
    if was == 0 and not isSame(entries[i], grant) then return 0 end -- It is forgotten.
    was, total = 1, total - need
    if total > before then
      call('ZADD', logKey, whole(total), entries[i])
    else
      call('ZREM', logKey, entries[i])
    end
  end
  before = total
end
return was
`;
