import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Flag, Memory } from "../../src/memory/mod.ts";
import { Child } from "../support/child.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { withThreads } from "../support/thread.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const WAITING = new URL("./fixtures/flag_worker.ts", import.meta.url);
const PROCESS = new URL("./fixtures/flag_process.ts", import.meta.url);
const DEADLINE = { timeout: 60_000 };
const TIMED_OUT = { name: "TimeoutError" };
const ROUNDS = 200;

describe("Flag", () => {
  it("takes offsets inside of the memory that are multiples of 4", () => {
    assertOffsets((memory, offset) => new Flag(memory, offset), 4, 4);
  });

  itInBoth("is set and cleared for all objects on the memory", (memory, again) => {
    const flag = new Flag(memory, 4);
    const seen = new Flag(again(), 4);
    assert.equal(seen.isSet, false);
    flag.clear();
    flag.set();
    flag.set();
    assert.equal(seen.isSet, true);
    seen.clear();
    seen.clear();
    assert.equal(flag.isSet, false);
  });

  itInBoth("does not change its neighbours", async (memory) => {
    const flags = [4, 8, 12].map((offset) => new Flag(memory, offset));
    for (const flag of flags) flag.set();
    flags[1].clear();
    assert.throws(() => flags[1].waitSync({ timeout: 1 }), TIMED_OUT);
    await assert.rejects(flags[1].wait({ timeout: 1 }), TIMED_OUT);
    assert.deepEqual(flags.map(({ isSet }) => isSet), [true, false, true]);
  });

  itInBoth("that is set ends each wait at once, with any timeout", async (memory) => {
    const flag = new Flag(memory, 0);
    flag.set();
    for (const options of [undefined, {}, { timeout: 0 }, { timeout: Infinity }]) {
      flag.waitSync(options);
      await flag.wait(options);
    }
  });

  itInBoth("that is clear ends each wait with a TimeoutError", async (memory) => {
    const flag = new Flag(memory, 0);
    for (const timeout of [0, 0.5, 20]) {
      const start = performance.now();
      assert.throws(() => flag.waitSync({ timeout }), TIMED_OUT);
      await assert.rejects(flag.wait({ timeout }), TIMED_OUT);
      assert.ok(performance.now() - start >= 2 * timeout);
    }
    assert.equal(flag.isSet, false);
  });

  itInBoth("refuses wrong options, even if it is set", async (memory) => {
    const flag = new Flag(memory, 0);
    for (let i = 0; i < 2; i++, flag.set()) {
      for (const timeout of [-1, NaN]) {
        assert.throws(() => flag.waitSync({ timeout }), RangeError);
        await assert.rejects(flag.wait({ timeout }), RangeError);
      }
      const timeout = "1" as unknown as number;
      assert.throws(() => flag.waitSync({ timeout }), TypeError);
      await assert.rejects(flag.wait({ timeout }), TypeError);
      const signal = AbortSignal.abort(new Error("no more"));
      assert.throws(() => flag.waitSync({ signal }), /no more/);
      await assert.rejects(flag.wait({ signal }), /no more/);
    }
  });

  itInBoth("wakes all tasks at once, in the order of their waits", async (memory, again) => {
    const flag = new Flag(memory, 0);
    const setter = new Flag(again(), 0);
    const { setTimeout } = globalThis;
    // Without timers, no task looks by itself, nor one after the other.
    globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
    try {
      for (const setting of [flag, setter]) {
        const order: number[] = [];
        const all = Array.from({ length: 1000 }, (_, i) => flag.wait().then(() => order.push(i)));
        setting.set();
        await Promise.all(all);
        assert.deepEqual(order, all.map((_, i) => i));
        flag.clear();
      }
    } finally {
      globalThis.setTimeout = setTimeout;
    }
  });

  itInBoth("ends the wait of an aborted task, and of no other", async (memory) => {
    const flag = new Flag(memory, 0);
    const controllers = [0, 1, 2].map(() => new AbortController());
    const waits = controllers.map(({ signal }) => flag.wait({ signal }));
    controllers[0].abort(new Error("first"));
    controllers[2].abort(new Error("third"));
    await assert.rejects(waits[0], /first/);
    await assert.rejects(waits[2], /third/);
    flag.set();
    await waits[1];
  });

  itInBoth("checks the signal and the flag during a synchronous wait", (memory, again) => {
    const flag = new Flag(memory, 0);
    const abort = lookingSignal((look) => {
      if (look === 3) throw new Error("third look");
    });
    assert.throws(() => flag.waitSync({ signal: abort }), /third look/);
    const setter = new Flag(again(), 0);
    flag.waitSync({ signal: lookingSignal((look) => void (look === 3 && setter.set())) });
    assert.equal(flag.isSet, true);
  });

  itInBoth(
    "wakes threads and tasks of other threads, each time",
    async (memory, _again, handle) => {
      const [go, back] = [new Flag(memory, 0), new Flag(memory, 128)];
      await withThreads(2, WAITING, async (threads) => {
        threads[0].post({ handle, rounds: ROUNDS, how: "waitSync" });
        assert.equal(await threads[0].next(), "ready");
        for (let i = 0; i < ROUNDS; i++) {
          go.set();
          back.waitSync({ timeout: 10_000 });
          back.clear();
        }
        threads[1].post({ handle, rounds: ROUNDS, how: "wait" });
        assert.equal(await threads[1].next(), "ready");
        for (let i = 0; i < ROUNDS; i++) {
          go.set();
          await back.wait({ timeout: 10_000 });
          back.clear();
        }
      });
    },
  );

  itInBoth(
    "rejects everything after the close of its memory, waits included",
    async (memory, again) => {
      const opened = again();
      const flag = new Flag(opened, 0);
      const waiting = assert.rejects(flag.wait(), TypeError);
      opened.close();
      await waiting;
      assert.throws(() => flag.isSet, TypeError);
      assert.throws(() => flag.set(), TypeError);
      assert.throws(() => flag.clear(), TypeError);
      assert.throws(() => flag.waitSync(), TypeError);
      await assert.rejects(flag.wait(), TypeError);
      assert.equal(new Flag(memory, 0).isSet, false);
    },
  );

  for (const how of ["waitSync", "wait"]) {
    it(
      `still works after a process that used it (${how}) was killed`,
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = `${folder}/memory`;
          using memory = Memory.map(path, 256);
          const [go, back] = [new Flag(memory, 0), new Flag(memory, 128)];
          const killed = Child.here(PROCESS, path, how);
          const other = Child.here(PROCESS, path, how);
          try {
            for (const child of [killed, other]) assert.equal(await child.line(), "waiting");
            killed.kill();
            await killed.ended;
            go.set();
            assert.equal(await other.line(), "set");
            await back.wait({ timeout: 10_000 });
          } finally {
            for (const child of [killed, other]) child.kill();
            await other.ended;
          }
        }),
    );
  }
});
