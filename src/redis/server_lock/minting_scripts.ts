/**
 * The parts of the scripts that make a client the exclusive holder: each grant has a token of its
 * own, which is the last one plus one, or the time of the server in microseconds if that is
 * greater.
 *
 * The hash with the last token need not live for as long as a client may have that token: a token
 * is never ahead of the clock, so one that is minted without the hash is greater, unless the clock
 * was set back by more than the hash has lived since. So it is kept for an hour after a release;
 * the usual daemons do not set a clock back that far. While it names a holder that did not release,
 * it is kept for 30 days, for the next holder to learn of that.
 *
 * @module
 */

import { checkRights } from "../client/rights.ts";
import { HOLDER_KEPT_MS, TOKEN_KEPT_MS } from "../lease/server_times.ts";

/** Reads what {@linkcode MINT} writes. */
export const READ_TOKEN = `
local last = redis.call('HMGET', KEYS[2], 'token', 'holder')
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local token = tonumber(last[1] or 0)
`;

/**
 * Checks the rights to acquire the lock exclusively and to release it, except SET, the first write.
 */
export const CHECK_HOLD_RIGHTS = `
${checkRights("KEYS[2]", "HSET", "HDEL", "PEXPIRE")}
${checkRights("KEYS[1]", "DEL")}
`;

/** Acquires the lock, and mints tokens for `value`. */
export const MINT = `
redis.call('SET', KEYS[1], value, 'PX', lease)
token = math.max(token + 1, us)
redis.call('HSET', KEYS[2], 'token', string.format('%.0f', token + tokens - 1), 'holder', value)
if last[2] then redis.call('HSET', KEYS[2], 'before', last[2]) end
redis.call('PEXPIRE', KEYS[2], ${HOLDER_KEPT_MS})
return { 1, token, last[2] }
`;

/** Answers a holder that asks again, since the first answer was lost. */
export const REPEAT = `
local minted = redis.call('HGET', KEYS[2], 'token') or 0
redis.call('PEXPIRE', KEYS[1], lease)
return { 1, minted - tokens + 1, false }
`;

/**
 * The exclusive holder leaves: it did not die, and gives `spare` tokens back, which it has not
 * used. Otherwise the tokens would run ahead of the clock.
 */
export const LEAVE = `
redis.call('HDEL', KEYS[2], 'holder', 'before')
if spare > 0 then redis.call('HINCRBY', KEYS[2], 'token', -spare) end
redis.call('PEXPIRE', KEYS[2], ${TOKEN_KEPT_MS})
`;
