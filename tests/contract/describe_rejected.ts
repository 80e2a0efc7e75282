import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { AcquireOptions } from "../../src/contract/mod.ts";
import { until } from "../support/until.ts";

/** A hold that can be released once. */
export interface Hold {
  release(): void | Promise<void>;
}

/** A lock, or something else to wait for, that is free. */
export interface WaitUnderTest {
  acquire(options?: AcquireOptions): Promise<Hold>;
  /** Closes the object that waits. */
  closeWaiter(): void | Promise<void>;
  /** Acquires it by another object, if it is free. */
  tryTake(): Hold | undefined | Promise<Hold | undefined>;
  close(): void | Promise<void>;
}

const DEADLINE = { timeout: 60_000 };
/** Longer than a waiter needs to look again by itself, in milliseconds. */
const LOOK_MS = 60;
const REASON = new Error("enough");

/** A signal that is not aborted, and refuses listeners. */
const BROKEN = {
  aborted: false,
  throwIfAborted() {},
  addEventListener() {
    throw new Error("no listeners");
  },
  removeEventListener() {},
} as unknown as AbortSignal;

/** A signal that cannot be told to end what it has begun. */
const ENDLESS = { ...BROKEN, addEventListener() {}, removeEventListener: undefined };

/** The options with which an `acquire` is rejected before it waits. */
const AT_ONCE: Readonly<Record<string, AcquireOptions>> = {
  "an aborted signal": { signal: AbortSignal.abort(REASON) },
  "options that are none": null as unknown as AcquireOptions,
  "a timeout that is none": { timeout: NaN },
  "a timeout of 0": { timeout: 0 },
  "a signal that is none": { signal: {} as AbortSignal },
  "a signal without removeEventListener": { signal: ENDLESS as unknown as AbortSignal },
  "a signal that refuses listeners": { signal: BROKEN },
  "such a signal and a timeout": { signal: BROKEN, timeout: 30 },
};

/**
 * Tests that an `acquire` that is rejected is granted nothing, then or later.
 *
 * @param make Makes a lock, or something else to wait for, that only the test uses.
 */
export function describeRejected(
  name: string,
  make: () => WaitUnderTest | Promise<WaitUnderTest>,
  skip: string | false = false,
): void {
  /** Runs `body` while the lock is held. `body` must release all that it acquires. */
  const test = (
    title: string,
    body: (made: WaitUnderTest, release: () => void | Promise<void>) => Promise<void>,
  ) =>
    it(title, DEADLINE, async () => {
      const made = await make();
      try {
        const held = await made.tryTake();
        assert.ok(held, "not free at the start");
        let isHeld = true;
        const release = () => {
          if (!isHeld) return;
          isHeld = false;
          return held.release();
        };
        await body(made, release);
        await release();
        for (let i = 0; i < 2; i++) {
          await sleep(LOOK_MS);
          // A server may hear later that a waiter has given up.
          const hold = await until("what a rejected waiter holds", () => made.tryTake());
          await hold.release();
        }
      } finally {
        await made.close();
      }
    });

  describe(`${name} grants nothing to an acquire that it rejects:`, { skip }, () => {
    for (const [why, options] of Object.entries(AT_ONCE)) {
      test(`by ${why}`, async ({ acquire }) => {
        await assert.rejects(acquire(options));
        // Again, since the first rejection must leave nothing behind.
        await assert.rejects(acquire(options));
      });
      test(`by ${why}, behind another waiter`, async ({ acquire }, release) => {
        const first = acquire();
        await assert.rejects(acquire(options));
        await release();
        await (await first).release();
      });
    }

    test("by a timeout", async ({ acquire }, release) => {
      const waits = [acquire({ timeout: 20 }), acquire({ timeout: 30 })];
      const last = acquire();
      await Promise.all(waits.map((wait) => assert.rejects(wait, { name: "TimeoutError" })));
      await release();
      await (await last).release();
    });

    test("by an abort", async ({ acquire }, release) => {
      const controller = new AbortController();
      const { signal } = controller;
      const waits = [acquire({ signal }), acquire({ signal, timeout: 20_000 })];
      const last = acquire();
      const rejected = waits.map((wait) => assert.rejects(wait, REASON));
      await sleep(10);
      controller.abort(REASON);
      await Promise.all(rejected);
      await release();
      await (await last).release();
    });

    for (const first of ["abort", "release"]) {
      test(`by an abort at the moment of the release, ${first} first`, async (made, release) => {
        const controller = new AbortController();
        const wait = made.acquire({ signal: controller.signal });
        const settled = wait.then((hold) => hold, () => undefined);
        await sleep(10);
        if (first === "abort") controller.abort(REASON);
        const released = release();
        controller.abort(REASON);
        await released;
        await (await settled)?.release();
      });
    }

    for (const when of ["before the release", "at the moment of the release"]) {
      test(`by close, ${when}`, async (made, release) => {
        const waits = [made.acquire(), made.acquire({ timeout: 20_000 })];
        const settled = waits.map((wait) => wait.then((hold) => hold, () => undefined));
        await sleep(10);
        const released = when === "before the release" ? undefined : release();
        await made.closeWaiter();
        await released;
        await release();
        // A hold that was granted before the close has ended with it.
        for (const hold of await Promise.all(settled)) {
          if (hold !== undefined) await Promise.resolve(hold.release()).catch(() => {});
        }
      });
    }
  });
}
