/**
 * The scripts that give a hold another value, in one step: `detach` does it for the value in a
 * ticket, and `attach` for the value of the process that goes on. So each value is exchanged once,
 * and what the earlier holder still sends changes nothing. Asked again with the new value that
 * holds the lock, they answer the same, and the lease begins anew.
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";
import { SHARED } from "../lease/holder_value.ts";
import { HOLDER_KEPT_MS } from "../lease/server_times.ts";

/**
 * Hands an exclusive hold on.
 *
 * `KEYS`: lock and token, of each name of the lock. `ARGV`: the value that holds it; the new value;
 * lease in ms; how many tokens to mint, or 0; how many tokens of the old value were not used.
 * Replies `{1, the first token}`, or `{0}` if the value does not hold the lock any more.
 */
export const HAND_ON = `
local was, value, lease, tokens, spare = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local token, repeated = 0, true
for i = 1, #KEYS, 2 do
  local held = redis.call('GET', KEYS[i])
  if held ~= value then
    if held ~= was then return { 0 } end
    repeated = false
  end
  token = math.max(token, tonumber(redis.call('HGET', KEYS[i + 1], 'token') or 0))
  ${checkRights("KEYS[i]", "SET", "PEXPIRE")}
  ${checkRights("KEYS[i + 1]", "HSET", "PEXPIRE")}
end
if repeated then
  for i = 1, #KEYS, 2 do redis.call('PEXPIRE', KEYS[i], lease) end
  return { 1, token - math.max(tokens - 1, 0) }
end
local time = redis.call('TIME')
token = math.max(token - spare, 0)
if tokens > 0 then token = math.max(token + 1, time[1] * 1000000 + time[2]) end
for i = 1, #KEYS, 2 do
  redis.call('SET', KEYS[i], value, 'PX', lease)
  local last = string.format('%.0f', token + math.max(tokens - 1, 0))
  redis.call('HSET', KEYS[i + 1], 'token', last, 'holder', value)
  redis.call('PEXPIRE', KEYS[i + 1], ${HOLDER_KEPT_MS})
end
return { 1, token }
`;

/**
 * Hands a shared hold on. `KEYS`: lock, shared. `ARGV`: the value that shares the lock; the new
 * value; lease in ms. Replies as {@linkcode HAND_ON}, without a token.
 */
export const HAND_ON_SHARED = `
local was, value, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('GET', KEYS[1]) ~= '${SHARED}' then return { 0 } end
local ends = redis.call('ZSCORE', KEYS[2], value) or redis.call('ZSCORE', KEYS[2], was)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if not ends or tonumber(ends) <= now then return { 0 } end
local keep = math.max(redis.call('PTTL', KEYS[1]), lease)
${checkRights("KEYS[2]", "ZADD", "ZREM", "PEXPIRE")}
redis.call('PEXPIRE', KEYS[1], keep)
redis.call('PEXPIRE', KEYS[2], keep)
redis.call('ZADD', KEYS[2], now + lease, value)
redis.call('ZREM', KEYS[2], was)
return { 1 }
`;
