import { findRedisServer, NO_SERVER } from "../../src/counting/redis_server.ts";

export { RedisServer, type RedisServerOptions } from "../../src/counting/redis_server.ts";

/** For `describe` and `it`: why the tests of Redis are skipped, or `false`. */
export const skip: string | false = findRedisServer() === undefined
  ? `NO REDIS TESTED: ${NO_SERVER}`
  : false;

if (skip !== false) console.warn(skip);
