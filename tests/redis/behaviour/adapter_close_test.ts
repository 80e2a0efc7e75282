import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child, RUN_WITH_PACKAGES } from "../../support/child.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";

const CLOSING = new URL("../fixtures/closing_process.ts", import.meta.url);
const DEADLINE = { timeout: 30_000 };

describe("an adapter that is closed while it connects", { skip }, () => {
  let server: RedisServer;
  before(async () => server = await RedisServer.start());
  after(() => server?.[Symbol.asyncDispose]());

  for (const what of ["ping", "subscribe"]) {
    for (const there of [true, false]) {
      const title = `by ${what}, to a server that is ${there ? "" : "not "}there`;
      it(`${title}, keeps no process alive`, DEADLINE, async () => {
        const url = there ? server.url : "redis://127.0.0.1:1";
        await Promise.all(["0", "40"].map(async (ms) => {
          const flags = RUN_WITH_PACKAGES[adapter.name];
          await using child = new Child(process.execPath, flags, CLOSING, [url, what, ms]);
          assert.equal(await child.line(), "closed");
          assert.equal((await child.ended).code, 0);
        }));
      });
    }
  }
});
