import { Script } from "../../src/redis/mod.ts";

/**
 * Writes unless a greater token has written. `KEYS`: the value, the greatest token. `ARGV`: the token,
 * the new value. Replies whether it has written, as 1 or 0.
 */
export const GUARDED_WRITE = new Script(`
if tonumber(redis.call('GET', KEYS[2]) or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2])
return 1
`);
