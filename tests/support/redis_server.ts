import process from "node:process";
import { findRedisServer, NO_SERVER } from "../../src/host/redis_server.ts";

export { freePort, RedisServer, type RedisServerOptions } from "../../src/host/redis_server.ts";

/** For `describe` and `it`: why the tests of Redis are skipped, or `false`. */
export const skip: string | false = findRedisServer() === undefined
  ? `NO REDIS TESTED: ${NO_SERVER}`
  : false;

if (skip !== false) {
  if (process.env.INTERLOCK_NEEDS_ALL) throw new Error(skip);
  console.warn(skip);
}
