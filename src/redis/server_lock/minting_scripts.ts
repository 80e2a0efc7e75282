/**
 * The parts of the scripts that make a client the exclusive holder: each grant has a token of its
 * own, which is the last one plus one, or the time of the server in microseconds if that is
 * greater.
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";
import { TOKEN_KEPT_MS } from "../lease/server_times.ts";

const DAY_US = 24 * 60 * 60 * 1e6;

/** Reads what {@linkcode MINT} writes. The expiry of the hash is set by the first of each day. */
export const READ_TOKEN = `
local last = redis.call('HMGET', KEYS[2], 'token', 'holder')
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local token = tonumber(last[1] or 0)
local kept = math.floor(token / ${DAY_US}) == math.floor(us / ${DAY_US})
`;

/**
 * Checks the rights to acquire the lock exclusively and to release it, except SET, the first write.
 */
export const CHECK_HOLD_RIGHTS = `
${checkRights("KEYS[2]", "HSET", "HDEL")}
${checkRights("KEYS[1]", "DEL")}
if not kept then
  ${checkRights("KEYS[2]", "PEXPIRE")}
end
`;

/** Acquires the lock, and mints tokens for `value`. */
export const MINT = `
redis.call('SET', KEYS[1], value, 'PX', lease)
token = math.max(token + 1, us)
redis.call('HSET', KEYS[2], 'token', string.format('%.0f', token + tokens - 1), 'holder', value)
if last[2] then redis.call('HSET', KEYS[2], 'before', last[2]) end
if not kept then redis.call('PEXPIRE', KEYS[2], ${TOKEN_KEPT_MS}) end
return { 1, token, last[2] }
`;

/** Answers a holder that asks again, since the first answer was lost. */
export const REPEAT = `
local minted = redis.call('HGET', KEYS[2], 'token') or 0
redis.call('PEXPIRE', KEYS[1], lease)
return { 1, minted - tokens + 1, false }
`;
