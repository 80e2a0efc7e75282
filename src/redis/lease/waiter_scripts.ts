/**
 * The part of the scripts that tells waiters to ask again; their `WakeChannel` hears it. `forget`
 * drops a waiter. `clientOf` is its client, which is the end of the name of its channel. `tell` sends a word to one, and is false if no client hears it: it must be dead.
 *
 * The locals that they use: `queueKey`, `seenKey`; `channel`, the beginning of a waiter's channel;
 * `countable`, whether receivers can be counted.
 */
export const WAITER_FUNCTIONS = `
local function forget(waiter)
  redis.call('ZREM', queueKey, waiter)
  redis.call('ZREM', seenKey, waiter)
end
local function clientOf(waiter)
  return string.match(waiter, '^%a:([^:]+):')
end
local function tell(waiter, word)
  local heard = redis.pcall('PUBLISH', channel .. clientOf(waiter), word .. ' ' .. waiter)
  return type(heard) ~= 'number' or heard > 0 or not countable
end
`;
