import { GRACE_MS } from "./server_times.ts";

/** How long the others wait for a waiter that may be dead, in milliseconds. */
const UNCOUNTED_GRACE_MS = 100;

/**
 * The part of the scripts that tells waiters to ask again; their `WakeChannel` hears it. `forget`
 * drops a waiter. `clientOf` is its client, which is the end of the name of its channel. `hears` tells
 * whether the client listens at this server. `tell` sends a word to one, and is false if no client
 * hears it: it must be dead, or listens at another node of a cluster since a failover.
 * `waiterAt` returns the waiter at a rank, and drops those that broke their promises; `grace` is how
 * long others wait for it, and `told` sends it a word and shortens its promise.
 *
 * The locals that they use: `queueKey`, `seenKey`; `channel`, the beginning of a waiter's channel;
 * `now`; `countable`, whether receivers can be counted.
 */
export const WAITER_FUNCTIONS = `
local function forget(waiter)
  redis.call('ZREM', queueKey, waiter)
  redis.call('ZREM', seenKey, waiter)
end
local function clientOf(waiter)
  return string.match(waiter, '^%a:([^:]+):')
end
local function hears(waiter)
  local heard = redis.pcall('PUBSUB', 'NUMSUB', channel .. clientOf(waiter))
  return (tonumber(heard[2]) or 0) > 0
end
local function tell(waiter, word)
  local heard = redis.pcall('PUBLISH', channel .. clientOf(waiter), word .. ' ' .. waiter)
  return type(heard) ~= 'number' or heard > 0 or not countable
end
local function waiterAt(rank)
  while true do
    local entry = redis.call('ZRANGE', queueKey, rank, rank, 'WITHSCORES')
    local waiter = entry[1]
    if not waiter then return end
    local seen = tonumber(redis.call('ZSCORE', seenKey, waiter) or 0)
    countable = seen % 1 > 0
    if seen >= now then return waiter, seen, entry[2] end
    forget(waiter)
  end
end
local function grace()
  return countable and ${GRACE_MS} or ${UNCOUNTED_GRACE_MS}
end
local function told(waiter, seen, word, within)
  if not tell(waiter, word) then
    forget(waiter)
    return false
  end
  if seen > now + within then
    redis.pcall('ZADD', seenKey, now + within + seen % 1, waiter)
  end
  return true
end
`;
