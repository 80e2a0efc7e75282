import assert from "node:assert/strict";
import { describe } from "node:test";
import { type AsyncLock, withLock } from "../../src/contract/mod.ts";
import { ourError } from "../support/our_error.ts";
import { isTimeout } from "./describe_lock.ts";
import {
  WRONG_OPTIONS,
  WRONG_SIGNALS,
  WRONG_TIMEOUT_RANGES,
  WRONG_TIMEOUT_TYPES,
} from "./wrong_arguments.ts";
import { assertFree, testsWith, testWrappers } from "./lock_tests.ts";

/** A free lock. */
export interface AsyncLockUnderTest {
  readonly lock: AsyncLock;
  /** The same lock, opened by another holder. */
  readonly other: AsyncLock;
  close(): Promise<void>;
}

/** How often an abort races the grant; `deno task soak` races them more often. */
const ABORTS = 60;

/** Resolves with whether a promise is still pending after a few answers of the medium. */
async function waits(promise: Promise<unknown>, other: AsyncLock): Promise<boolean> {
  const settled = promise.then(() => false, () => false);
  // A promise that one answer settles is settled after three.
  for (let i = 0; i < 3; i++) await other.owner();
  return await Promise.race([settled, Promise.resolve(true)]);
}

/**
 * Tests the contract of `AsyncLock`, which every medium that answers later must keep; the twin of
 * `describeLock`.
 *
 * @param make Makes a lock that only the test uses.
 */
export function describeAsyncLock(
  name: string,
  make: () => Promise<AsyncLockUnderTest>,
  skip: string | false,
): void {
  const test = testsWith(make);

  /** The same after an abort, of which a server may hear a moment later. */
  const assertFreeSoon = async ({ lock, other }: AsyncLockUnderTest) => {
    for (const handle of [lock, other]) await (await handle.acquire({ timeout: 30_000 })).release();
  };

  describe(`${name} keeps the contract of AsyncLock:`, { skip }, () => {
    test("tryAcquire acquires a free lock, and no held one", async (made) => {
      const guard = await made.lock.tryAcquire();
      assert.ok(guard);
      assert.equal(guard.held, true);
      assert.equal(await made.other.tryAcquire(), undefined);
      assert.equal(await made.lock.tryAcquire(), undefined);
      await guard.release();
      assert.equal(guard.held, false);
      await assertFree(made);
    });

    test("acquire acquires a free lock, which then excludes", async (made) => {
      for (const options of [undefined, {}, { timeout: 0 }, { timeout: Infinity }]) {
        await using guard = await made.lock.acquire(options);
        assert.equal(guard.held, true);
        assert.equal(guard.signal.aborted, false);
        assert.equal(await made.other.tryAcquire(), undefined);
      }
      await assertFree(made);
    });

    test("the token of each hold is greater than all earlier ones", async (made) => {
      let last = 0;
      for (let i = 0; i < 10; i++) {
        await using guard = await (i % 2 ? made.lock : made.other).acquire();
        assert.ok(Number.isSafeInteger(guard.token) && guard.token! > last, `${guard.token}`);
        last = guard.token!;
      }
    });

    test("a guard releases once, and not a later hold", async (made) => {
      const guard = await made.lock.acquire();
      await guard.release();
      const next = await made.other.acquire();
      await assert.rejects(guard.release(), /twice/);
      assert.equal(await made.lock.tryAcquire(), undefined, "the second release freed it");
      await next.release();
      const own = await made.lock.acquire();
      await assert.rejects(guard.release(), /twice/);
      assert.equal(await made.other.tryAcquire(), undefined, "the second release freed it");
      await own.release();
      await assertFree(made);
    });

    test("of two concurrent releases, one succeeds", async (made) => {
      const guard = await made.lock.acquire();
      const results = await Promise.allSettled([guard.release(), guard.release()]);
      assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected"]);
      await assertFree(made);
    });

    test("disposal releases a guard once, however often it is called", async (made) => {
      const guard = await made.lock.acquire();
      await guard[Symbol.asyncDispose]();
      assert.equal(guard.held, false);
      const next = await made.other.acquire();
      await guard[Symbol.asyncDispose]();
      assert.equal(await made.lock.tryAcquire(), undefined, "the second disposal freed it");
      await next[Symbol.asyncDispose]();
      await assertFree(made);
    });

    test("the signal of a released guard does not abort", async (made) => {
      const guard = await made.lock.acquire();
      const { signal } = guard;
      await guard.release();
      assert.equal(signal.aborted, false);
    });

    test("acquire rejects with a TimeoutError, not before its time", async (made) => {
      await using _guard = await made.other.acquire();
      await made.lock.owner(); // On a busy machine, it takes long to connect.
      for (const timeout of [0, 1, 20]) {
        const before = performance.now();
        await assert.rejects(made.lock.acquire({ timeout }), (error) => {
          assert.ok(isTimeout(error), String(error));
          assert.match(String(error), /holds it/);
          return true;
        });
        assert.ok(performance.now() - before >= timeout - 1, "gave up before its time");
      }
    });

    test("wrong options are refused, and the lock stays free", async (made) => {
      const { lock } = made;
      const withOptions = lock as unknown as { tryAcquire(options: unknown): Promise<unknown> };
      const refuse = async (
        options: Parameters<AsyncLock["acquire"]>[0],
        type: new (message: string) => Error,
      ) => {
        await assert.rejects(lock.acquire(options), ourError(type));
        await assert.rejects(
          withLock(lock, () => assert.fail("it is inside"), options),
          ourError(type),
        );
      };
      for (const options of WRONG_OPTIONS) {
        await refuse(options, TypeError);
        await assert.rejects(withOptions.tryAcquire(options), ourError(TypeError));
      }
      for (const timeout of WRONG_TIMEOUT_RANGES) await refuse({ timeout }, RangeError);
      for (const timeout of WRONG_TIMEOUT_TYPES) await refuse({ timeout }, TypeError);
      for (const signal of WRONG_SIGNALS) await refuse({ signal }, TypeError);
      await assertFree(made);
    });

    test("an aborted signal gives its reason, and the lock stays free", async (made) => {
      const reason = { why: "enough" };
      await assert.rejects(
        made.lock.acquire({ signal: AbortSignal.abort(reason) }),
        (thrown) => thrown === reason,
      );
      await assert.rejects(
        made.lock.acquire({ signal: AbortSignal.abort() }),
        (thrown) => thrown instanceof DOMException && thrown.name === "AbortError",
      );
      await assertFree(made);
    });

    test("a signal that never aborts changes nothing", async (made) => {
      const { signal } = new AbortController();
      await (await made.lock.acquire({ signal })).release();
      await assertFree(made);
    });

    test("tasks get the lock one by one, in their order", async (made) => {
      const order: number[] = [];
      let inside = 0;
      const task = async (i: number) => {
        await using _guard = await made.lock.acquire();
        assert.equal(++inside, 1, "two tasks are inside");
        order.push(i);
        await Promise.resolve();
        inside--;
      };
      const all = Array.from({ length: 20 }, (_, i) => i);
      await Promise.all(all.map(task));
      assert.deepEqual(order, all);
      await assertFree(made);
    });

    test("a waiter gets the lock that another holder releases, and not before", async (made) => {
      for (const [holder, waiter] of [[made.lock, made.lock], [made.lock, made.other]]) {
        const guard = await holder.acquire();
        const waiting = waiter.acquire();
        assert.equal(await waits(waiting, waiter), true);
        await guard.release();
        await (await waiting).release();
      }
      await assertFree(made);
    });

    test("an abort ends a wait with the reason, and leaves the others", async (made) => {
      const reason = { why: "enough" };
      const guard = await made.other.acquire();
      const controller = new AbortController();
      const first = made.lock.acquire({ signal: controller.signal });
      const second = made.lock.acquire();
      assert.equal(await waits(first, made.other), true);
      controller.abort(reason);
      await assert.rejects(first, (thrown) => thrown === reason);
      assert.equal(await waits(second, made.other), true);
      await guard.release();
      await (await second).release();
      await assertFree(made);
    });

    test("an abort that races the grant neither loses the lock nor grants it twice", async (made) => {
      for (let i = 0; i < ABORTS; i++) {
        const guard = await made.other.acquire();
        const controller = new AbortController();
        const first = made.lock.acquire({ signal: controller.signal }).catch(() => undefined);
        const second = made.lock.acquire();
        // After so many answers the first waits, or is about to.
        for (let answers = i % 6; answers > 0; answers--) await made.other.owner();
        const released = guard.release();
        if (i % 3 === 1) await Promise.resolve();
        if (i % 3 === 2) await made.other.owner();
        controller.abort();
        await released;
        const got = await first;
        if (got !== undefined) {
          assert.equal(await made.other.tryAcquire(), undefined);
          await got.release();
        }
        await (await second).release();
        await assertFreeSoon(made);
      }
    });

    testWrappers(test);
  });
}
