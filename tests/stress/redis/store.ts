import { Script } from "../../../src/redis/mod.ts";

/**
 * Writes unless a greater token has written, and records each try. `KEYS`: the greatest token, the
 * list of tries. `ARGV`: the token, the agent. Replies 1 or 0.
 */
export const WRITE = new Script(`
local accepted = tonumber(redis.call('GET', KEYS[1]) or 0) <= tonumber(ARGV[1])
if accepted then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('RPUSH', KEYS[2], (accepted and 1 or 0) .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
return accepted and 1 or 0
`);

/** A write to the store, as it was recorded there. */
export interface Write {
  readonly accepted: boolean;
  readonly token: number;
  readonly agent: number;
}

/** The writes in a record of {@linkcode WRITE}, in their order. */
export function writesIn(lines: readonly string[]): Write[] {
  return lines.map((line) => {
    const [accepted, token, agent] = line.split(" ").map(Number);
    return { accepted: accepted === 1, token, agent };
  });
}
