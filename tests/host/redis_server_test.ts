import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { it } from "node:test";
import { findRedisServer } from "../../src/host/redis_server.ts";
import { RedisServer, skip } from "../support/redis_server.ts";

it("a server does not take another one on its port for itself", { skip }, async () => {
  await using server = await RedisServer.start();
  await server.kill();
  const other = spawn(findRedisServer()!, ["--port", `${server.port}`, "--save", ""]);
  try {
    for await (const line of createInterface({ input: other.stdout })) {
      if (/Ready to accept/.test(line)) break;
    }
    await assert.rejects(server.start(), /address already in use/i);
  } finally {
    const ended = once(other, "close");
    other.kill("SIGKILL");
    other.stdout.resume();
    await ended;
  }
});
