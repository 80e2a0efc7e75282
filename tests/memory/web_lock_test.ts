import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Memory } from "../../src/memory/mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { Child, executableOf, NODE_WITHOUT_C } from "../support/child.ts";

const PROCESS = new URL("./fixtures/web_lock_process.ts", import.meta.url);
const SLOTS_PROCESS = new URL("./fixtures/web_lock_slots_process.ts", import.meta.url);
const CLOSED_PROCESS = new URL("./fixtures/closed_memories_process.ts", import.meta.url);
/** Bun has no Web Locks, and always has foreign functions. */
const WITHOUT = {
  deno: ["run", "--quiet", "--no-config", "--no-lock", "--allow-read"],
  node: NODE_WITHOUT_C,
} as const;
/** Why Web Locks cannot be tested in a runtime. */
const skipIn = (name: keyof typeof WITHOUT) =>
  name === adapter.name && !("locks" in navigator) && "This version has no Web Locks";

describe("If the runtime must not ask the system about threads", () => {
  for (const name of ["deno", "node"] as const) {
    for (const how of ["by itself", "terminated"]) {
      const options = { timeout: 60_000, skip: skipIn(name) };
      it(`a task detects the end of a worker, ${how}: ${name}`, options, async () => {
        const child = new Child(executableOf(name)!, WITHOUT[name], PROCESS, [how]);
        assert.deepEqual(JSON.parse(await child.line()), {
          recovery: "web-locks",
          early: "TimeoutError",
          recovered: true,
        });
        assert.equal((await child.ended).code, 0);
      });
    }
  }

  for (const name of ["deno", "node"] as const) {
    for (const how of ["by itself", "terminated"]) {
      const title = `slots of workers that ended, ${how}, are reused: ${name}`;
      it(title, { timeout: 240_000, skip: skipIn(name) }, async () => {
        const child = new Child(executableOf(name)!, WITHOUT[name], SLOTS_PROCESS, [how]);
        assert.deepEqual(JSON.parse(await child.line()), {
          answers: ["claimed"],
          tried: false, // The worker that holds the lock blocks its thread, but lives.
          late: "TimeoutError",
        });
        assert.equal((await child.ended).code, 0);
      });
    }
  }

  for (
    const [name, flag] of [["deno", "--v8-flags=--expose-gc"], ["node", "--expose-gc"]] as const
  ) {
    it(`a memory that was sent and closed is collected: ${name}`, { timeout: 60_000 }, async () => {
      const child = new Child(executableOf(name)!, [...WITHOUT[name], flag], CLOSED_PROCESS, []);
      const kept = Number(await child.line());
      assert.ok(kept <= 2, `${kept} of 20 are still there`); // The last one may still be in a register.
      assert.equal((await child.ended).code, 0);
    });
  }

  it("is not here", () => {
    assert.equal(Memory.anonymous(1).recovery, "kernel");
  });
});
