import assert from "node:assert/strict";
import { describe } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AcquireOptions,
  type AsyncSharableGuard,
  LockLostError,
  type SharableGuard,
} from "../../src/contract/mod.ts";
import { ourError } from "../support/our_error.ts";
import { isTimeout } from "./describe_lock.ts";
import { WRONG_OPTIONS, WRONG_SIGNALS, WRONG_TIMEOUT_RANGES } from "./wrong_arguments.ts";
import { assertFree, testsWith } from "./lock_tests.ts";

interface Options extends AcquireOptions {
  shared?: boolean;
}

type AnyGuard = SharableGuard | AsyncSharableGuard;

/** A lock that several holders can share, on this machine or in a medium that answers later. */
export interface SharableLock {
  acquire(options?: Options): Promise<AnyGuard>;
  tryAcquire(
    options?: { shared?: boolean },
  ): AnyGuard | undefined | Promise<AnyGuard | undefined>;
}

/** A free lock. */
export interface SharableLockUnderTest {
  readonly lock: SharableLock;
  /** The same lock, opened by another holder. */
  readonly other: SharableLock;
  close(): void | Promise<void>;
}

/** How long a wait is watched that must not end, in milliseconds. */
const WATCH_MS = 30;

const SHARED = { shared: true };

/**
 * Tests what a lock that can be shared promises, beside the contract of `Lock` or `AsyncLock`.
 *
 * @param make Makes a lock that only the test uses.
 */
export function describeSharableLock(
  name: string,
  make: () => SharableLockUnderTest | Promise<SharableLockUnderTest>,
  skip: string | false = false,
): void {
  const test = testsWith(make);

  /** Fails if another holder can acquire the lock, even to share it. */
  const assertExclusive = async (handle: SharableLock) => {
    assert.equal(await handle.tryAcquire(SHARED), undefined);
    assert.equal(await handle.tryAcquire(), undefined);
  };

  /** Fails unless another holder can share the lock, and cannot have it exclusively. */
  const assertShared = async (handle: SharableLock) => {
    assert.equal(await handle.tryAcquire(), undefined);
    const guard = await handle.tryAcquire(SHARED);
    assert.ok(guard, "the lock is not shared");
    assert.equal(guard.shared, true);
    await guard.release();
  };

  describe(`${name} can be shared:`, { skip }, () => {
    test("a hold is exclusive unless it is asked to be shared", async (made) => {
      for (const options of [undefined, {}, { shared: false }, { shared: undefined }]) {
        for (const acquire of ["acquire", "tryAcquire"] as const) {
          const guard = await made.lock[acquire](options);
          assert.equal(guard?.shared, false);
          await assertExclusive(made.other);
          await guard.release();
        }
      }
      await assertFree(made);
    });

    test("shared holds exclude an exclusive one, and not each other", async (made) => {
      for (const acquire of ["acquire", "tryAcquire"] as const) {
        const first = await made.lock[acquire](SHARED);
        assert.equal(first?.shared, true);
        const second = await made.other[acquire](SHARED);
        assert.equal(second?.shared, true);
        assert.deepEqual([first.held, second.held], [true, true]);
        await first.release();
        await assertShared(made.lock);
        await second.release();
        await assertFree(made);
      }
    });

    test("an exclusive waiter waits for all that share the lock", async (made) => {
      const guard = await made.lock.acquire(SHARED);
      const waiting = made.other.acquire();
      assert.equal(await Promise.race([waiting, sleep(WATCH_MS)]), undefined);
      await guard.release();
      await (await waiting).release();
      await assertFree(made);
    });

    test("an upgrade excludes all others", async (made) => {
      const guard = await made.lock.acquire(SHARED);
      assert.equal(typeof await guard.upgrade(), "boolean");
      assert.deepEqual([guard.held, guard.shared], [true, false]);
      await assertExclusive(made.other);
      await guard.release();
      await assertFree(made);
    });

    test("an upgrade waits for others that share the lock, and reports the gap", async (made) => {
      const guard = await made.lock.acquire(SHARED);
      const second = await made.other.acquire(SHARED);
      const upgrade = guard.upgrade();
      assert.equal(await Promise.race([upgrade, sleep(WATCH_MS)]), undefined);
      assert.equal(guard.held, false);
      await second.release();
      assert.equal(await upgrade, false);
      assert.deepEqual([guard.held, guard.shared], [true, false]);
      await assertExclusive(made.other);
      await guard.release();
      await assertFree(made);
    });

    test("two upgrades at once do not wait for each other forever", async (made) => {
      const guards = [await made.lock.acquire(SHARED), await made.other.acquire(SHARED)];
      await Promise.all(guards.map(async (guard) => {
        await guard.upgrade();
        assert.deepEqual([guard.held, guard.shared], [true, false]);
        await guard.release();
      }));
      await assertFree(made);
    });

    for (const why of ["timeout", "abort"] as const) {
      test(`an upgrade that fails by ${why} loses the hold and says why`, async (made) => {
        const guard = await made.lock.acquire(SHARED);
        const second = await made.other.acquire(SHARED);
        const controller = new AbortController();
        const reason = new Error("enough");
        const options = why === "timeout" ? { timeout: 20 } : { signal: controller.signal };
        const upgrade = assert.rejects(guard.upgrade(options), (error) => {
          assert.ok(error instanceof LockLostError, String(error));
          assert.ok(why === "timeout" ? isTimeout(error.cause) : error.cause === reason);
          return true;
        });
        await sleep(5);
        if (why === "abort") controller.abort(reason);
        await upgrade;
        assert.equal(guard.held, false);
        await guard[Symbol.asyncDispose](); // The program knows already.
        await assert.rejects(async () => await guard.release());
        assert.equal(second.held, true);
        await second.release();
        // A server may hear later that the upgrade was given up.
        await (await made.other.acquire()).release();
        await assertFree(made);
      });
    }

    test("wrong options of an upgrade are refused, and the hold stays shared", async (made) => {
      const guard = await made.lock.acquire(SHARED);
      for (const options of WRONG_OPTIONS) {
        await assert.rejects(guard.upgrade(options), ourError(TypeError));
      }
      for (const timeout of WRONG_TIMEOUT_RANGES) {
        await assert.rejects(guard.upgrade({ timeout }), ourError(RangeError));
      }
      for (const signal of WRONG_SIGNALS) {
        await assert.rejects(guard.upgrade({ signal }), ourError(TypeError));
      }
      assert.deepEqual([guard.held, guard.shared], [true, true]);
      await assertShared(made.other);
      await guard.release();
      await assertFree(made);
    });

    test("a downgrade lets others share the lock", async (made) => {
      const guard = await made.lock.acquire();
      await guard.downgrade();
      assert.deepEqual([guard.held, guard.shared], [true, true]);
      await assertShared(made.other);
      assert.equal(typeof await guard.upgrade(), "boolean");
      assert.equal(guard.shared, false);
      await assertExclusive(made.other);
      await guard.release();
      await assertFree(made);
    });

    test("only a shared hold is upgraded, and only an exclusive one downgraded", async (made) => {
      const shared = await made.lock.acquire(SHARED);
      await assert.rejects(async () => await shared.downgrade(), ourError(Error));
      assert.deepEqual([shared.held, shared.shared], [true, true]);
      await shared.release();
      const exclusive = await made.lock.acquire();
      await assert.rejects(async () => await exclusive.upgrade(), ourError(Error));
      assert.deepEqual([exclusive.held, exclusive.shared], [true, false]);
      await exclusive.release();
      await assertFree(made);
    });

    test("a released guard changes no later hold", async (made) => {
      for (const first of [{ shared: true }, { shared: false }]) {
        const guard = await made.lock.acquire(first);
        await guard.release();
        for (const second of [{ shared: true }, { shared: false }]) {
          const next = await made.lock.acquire(second);
          await assert.rejects(async () => await guard.upgrade(), ourError(Error));
          await assert.rejects(async () => await guard.downgrade(), ourError(Error));
          assert.deepEqual([next.held, next.shared], [true, second.shared]);
          await next.release();
        }
      }
      await assertFree(made);
    });
  });
}
