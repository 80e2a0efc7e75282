import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadline } from "../../src/contract/deadline.ts";
import type { AcquireOptions } from "../../src/contract/options.ts";
import { WRONG_OPTIONS } from "./wrong_arguments.ts";

const LIMIT = { timeout: 60_000 };
const REASON = new Error("enough");
const TOO_LATE = { name: "TimeoutError", message: "another holds it" };

function deadlineOf(options?: AcquireOptions): Deadline {
  return new Deadline(options, () => "another holds it");
}

/** A promise that never settles. */
const never = () => new Promise<never>(() => {});

/** A signal that counts its listeners. */
function countedSignal(): { controller: AbortController; signal: AbortSignal; count(): number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count++;
    add.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count--;
    remove.apply(signal, args);
  };
  return { controller, signal, count: () => count };
}

describe("A Deadline", () => {
  it("is never past without a timeout", () => {
    for (const options of [undefined, {}, { timeout: undefined }, { timeout: Infinity }]) {
      const deadline = deadlineOf(options);
      assert.equal(deadline.left, Infinity);
      assert.equal(deadline.isPast, false);
      assert.equal(deadline.isEndless, true);
      deadline.check();
    }
    assert.equal(deadlineOf({ signal: new AbortController().signal }).isEndless, false);
  });

  it("is the timeout after the call, on the monotonic clock", () => {
    for (const timeout of [0, 0.25, 1, 5000, 2 ** 40]) {
      const before = performance.now();
      const deadline = deadlineOf({ timeout });
      const after = performance.now();
      const end = performance.now() + deadline.left; // Not before the end, by a moment.
      const error = 0.01 + performance.now() - after;
      assert.ok(before + timeout <= end + error && end <= after + timeout + error, `${timeout}`);
    }
    assert.equal(deadlineOf({ timeout: -0 }).isPast, true);
    assert.throws(() => deadlineOf({ timeout: 0 }).check(), TOO_LATE);
  });

  it("refuses what checkAcquireOptions refuses, and an aborted signal", () => {
    for (const options of WRONG_OPTIONS) {
      assert.throws(() => deadlineOf(options as AcquireOptions), TypeError);
    }
    assert.throws(() => deadlineOf({ timeout: NaN }), RangeError);
    assert.throws(() => deadlineOf({ signal: {} as AbortSignal }), TypeError);
    assert.throws(() => deadlineOf({ signal: AbortSignal.abort(REASON) }), REASON);
  });

  it("gives the error of a holder that cannot be described", () => {
    const deadline = new Deadline({ timeout: 0 }, () => {
      throw REASON;
    });
    assert.equal(deadline.timeout(), REASON);
    assert.throws(() => deadline.check(), REASON);
  });

  it("waits for a promise that settles in time, and leaves no listener", LIMIT, async () => {
    const { signal, count } = countedSignal();
    const deadline = deadlineOf({ signal, timeout: 20_000 });
    assert.equal(await deadline.wait(sleep(5).then(() => 7)), 7);
    await assert.rejects(deadline.wait(Promise.reject(REASON)), REASON);
    assert.equal(count(), 0);
  });

  it("rejects a wait at its end, and leaves no listener", LIMIT, async () => {
    const { signal, count } = countedSignal();
    const deadline = deadlineOf({ signal, timeout: 10 });
    await assert.rejects(deadline.wait(never()), TOO_LATE);
    assert.equal(deadline.isPast, true);
    await assert.rejects(deadline.wait(never()), TOO_LATE);
    assert.equal(await deadline.wait(sleep(1).then(() => 7), 20_000), 7, "more time was given");
    assert.equal(count(), 0);
  });

  it("rejects a wait with the reason of an abort, and leaves no listener", LIMIT, async () => {
    const { controller, signal, count } = countedSignal();
    const deadline = deadlineOf({ signal, timeout: 20_000 });
    const wait = deadline.wait(never());
    controller.abort(REASON);
    await assert.rejects(wait, REASON);
    await assert.rejects(deadline.wait(never()), REASON);
    assert.throws(() => deadline.throwIfAborted(), REASON);
    assert.equal(count(), 0);
  });

  it("watches for longer than a timer can be set to", LIMIT, async () => {
    const fail = () => assert.fail("called too early");
    const stop = deadlineOf({ timeout: 2 ** 31 + 1000 }).watch(fail, fail);
    await sleep(20);
    stop();
  });

  it("watches nothing if a signal refuses listeners", LIMIT, async () => {
    const { signal } = new AbortController();
    signal.addEventListener = () => {
      throw REASON;
    };
    const deadline = deadlineOf({ signal, timeout: 1 });
    const fail = () => assert.fail("it is watched");
    assert.throws(() => deadline.watch(fail, fail), REASON);
    await sleep(10);
  });
});
