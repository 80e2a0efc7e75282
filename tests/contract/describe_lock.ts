import assert from "node:assert/strict";
import { describe } from "node:test";
import { DeadlockError, type RawLock, withLock } from "../../src/contract/mod.ts";
import { Flag, Memory, RawValue } from "../../src/memory/mod.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { ourError } from "../support/our_error.ts";
import { race, withThreads } from "../support/thread.ts";
import { until } from "../support/until.ts";
import type { ContenderStart } from "./contender.ts";
import type { HolderStart } from "./holder.ts";
import type { SharedLock } from "./shared_lock.ts";
import {
  WRONG_FUNCTIONS,
  WRONG_OPTIONS,
  WRONG_SIGNALS,
  WRONG_TIMEOUT_RANGES,
  WRONG_TIMEOUT_TYPES,
} from "./wrong_arguments.ts";
import { testsWith, testWrappers } from "./lock_tests.ts";

/** A free lock. */
export interface LockUnderTest {
  readonly lock: RawLock;
  /** The same lock, opened by another holder. */
  readonly other: RawLock;
  /** How other threads open it. */
  readonly shared: SharedLock;
  close(): void;
}

const WORKERS = 4;
/** How often an abort races the grant; `deno task soak` races them 10,000 times. */
const ABORTS = 400;
const HOLDER = new URL("./holder.ts", import.meta.url);

/** Runs `body` while another thread holds the lock, which it releases at `letGo` or afterwards. */
async function withHolder(
  made: LockUnderTest,
  body: (letGo: () => void) => void | Promise<void>,
): Promise<void> {
  const memory = Memory.anonymous(256);
  const flag = new Flag(memory, 0);
  await withThreads(1, HOLDER, async ([thread]) => {
    thread.post({ shared: made.shared, handle: memory.handle! } satisfies HolderStart);
    assert.equal(await thread.next(), "held");
    try {
      await body(() => flag.set());
    } finally {
      flag.set();
    }
    assert.equal(await thread.next(), "released");
  });
  // A wait in the kernel that was given up at the moment of the release may get the lock, and lets it go.
  await until("a free lock", () => isFree(made));
}

function isFree({ lock, other }: LockUnderTest): boolean {
  return [lock, other].every((handle) => {
    const guard = handle.tryAcquire();
    guard?.release();
    return guard !== undefined;
  });
}

/** Fails unless the lock is free for both holders. */
function assertFree(made: LockUnderTest): void {
  assert.ok(isFree(made), "the lock is not free");
}

/** Whether an error is the one of a wait that timed out. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

/**
 * Tests the contract of {@linkcode RawLock}, which every local medium must keep.
 *
 * @param make Makes a lock that only the test uses.
 * @param rounds How often each of 4 workers acquires the lock to show that it excludes.
 */
export function describeLock(
  name: string,
  make: () => LockUnderTest | Promise<LockUnderTest>,
  rounds: number,
): void {
  const test = testsWith(make);

  describe(`${name} keeps the contract of Lock:`, () => {
    test("tryAcquire acquires a free lock, and no held one", (made) => {
      const guard = made.lock.tryAcquire();
      assert.ok(guard);
      assert.equal(guard.held, true);
      assert.equal(made.other.tryAcquire(), undefined);
      guard.release();
      assert.equal(guard.held, false);
      assertFree(made);
    });

    test("acquireSync acquires a free lock, which then excludes", (made) => {
      for (const options of [undefined, {}, { timeout: 0 }, { timeout: Infinity }]) {
        const guard = made.lock.acquireSync(options);
        assert.equal(made.other.tryAcquire(), undefined);
        guard.release();
        assertFree(made);
      }
    });

    test("lock and unlock work without a guard", (made) => {
      made.lock.lock();
      assert.equal(made.other.tryAcquire(), undefined);
      made.lock.unlock();
      assertFree(made);
    });

    test("unlock throws if the caller does not hold the lock", (made) => {
      assert.throws(() => made.lock.unlock(), Error);
      made.lock.lock();
      assert.throws(() => made.other.unlock(), Error);
      assert.equal(made.other.tryAcquire(), undefined, "the refused unlock released it");
      made.lock.unlock();
      assert.throws(() => made.lock.unlock(), Error);
      assertFree(made);
    });

    test("unlock throws if a guard holds the lock", (made) => {
      const guard = made.lock.acquireSync();
      assert.throws(() => made.lock.unlock(), Error);
      assert.equal(guard.held, true);
      assert.equal(made.other.tryAcquire(), undefined, "the refused unlock released it");
      guard.release();
      assertFree(made);
    });

    test("runSync runs its body inside the lock and returns the result", (made) => {
      const results = [undefined, null, 0, "", NaN, { then: 5 }, [1], () => {}];
      for (const result of results) {
        const returned = made.lock.runSync(() => {
          assert.equal(made.other.tryAcquire(), undefined);
          return result;
        });
        assert.ok(Object.is(returned, result));
        assertFree(made);
      }
    });

    test("runSync releases the lock if its body throws", (made) => {
      for (const failure of [new Error("of the body"), undefined, "text"]) {
        const thrower = () => {
          throw failure;
        };
        assert.equal(caught(() => made.lock.runSync(thrower)), failure);
        assertFree(made);
      }
    });

    test("runSync refuses a result that is a promise, which rejects quietly", async (made) => {
      const results = [
        Promise.resolve(1),
        Promise.reject(new Error("of the body")),
        { then() {} },
        Object.assign(() => {}, { then() {} }),
      ];
      for (const result of results) {
        assert.throws(() => made.lock.runSync(() => result), ourError(TypeError));
        assertFree(made);
      }
      const task = async () => await Promise.reject(new Error("of the task"));
      assert.throws(() => made.lock.runSync(task), /withLock/);
      // A rejection that no code handles would end the process within this turn.
      await new Promise((resolve) => setTimeout(resolve, 5));
      assertFree(made);
    });

    test("runSync refuses a body that is no function, and the lock stays free", (made) => {
      for (const body of WRONG_FUNCTIONS) {
        assert.throws(() => made.lock.runSync(body as () => void), ourError(TypeError));
        assertFree(made);
      }
    });

    test("runSync in its own body is a deadlock, and the outer one goes on", (made) => {
      const { lock, other } = made;
      lock.runSync(() => {
        assert.throws(() => lock.runSync(() => assert.fail("it is inside twice")), DeadlockError);
        assert.throws(() => lock.lock(), DeadlockError);
        assert.throws(() => lock.acquireSync(), DeadlockError);
        assert.equal(lock.tryAcquire(), undefined);
        assert.equal(other.tryAcquire(), undefined, "the refused call released it");
      });
      assertFree(made);
    });

    test("runSync is a deadlock for the holder of a guard, which keeps the lock", (made) => {
      const guard = made.lock.acquireSync();
      assert.throws(
        () => made.lock.runSync(() => assert.fail("it is inside twice")),
        DeadlockError,
      );
      assert.equal(guard.held, true);
      assert.equal(made.other.tryAcquire(), undefined);
      guard.release();
      made.lock.lock();
      assert.throws(
        () => made.lock.runSync(() => assert.fail("it is inside twice")),
        DeadlockError,
      );
      made.lock.unlock();
      assertFree(made);
    });

    test("runSync waits for another thread to release the lock", (made) =>
      withHolder(made, (letGo) => {
        letGo();
        assert.equal(made.lock.runSync(() => made.other.tryAcquire()), undefined);
      }));

    test("a guard releases once, and not a later hold", (made) => {
      const guard = made.lock.acquireSync();
      guard.release();
      const next = made.other.acquireSync();
      assert.throws(() => guard.release(), Error);
      assert.equal(made.lock.tryAcquire(), undefined, "the second release freed it");
      next.release();
      const own = made.lock.acquireSync();
      assert.throws(() => guard.release(), Error);
      assert.equal(made.other.tryAcquire(), undefined, "the second release freed it");
      own.release();
      assertFree(made);
    });

    test("disposal releases a guard once, however often it is called", async (made) => {
      const guard = made.lock.acquireSync();
      guard[Symbol.dispose]();
      assert.equal(guard.held, false);
      const next = made.other.acquireSync();
      guard[Symbol.dispose]();
      await guard[Symbol.asyncDispose]();
      assert.equal(made.lock.tryAcquire(), undefined, "the second disposal freed it");
      await next[Symbol.asyncDispose]();
      assertFree(made);
    });

    test("acquireSync throws a TimeoutError, not before its time", (made) =>
      withHolder(made, () => {
        for (const timeout of [0, 0.5, 20]) {
          const before = performance.now();
          assert.throws(() => made.lock.acquireSync({ timeout }), isTimeout);
          assert.ok(performance.now() - before >= timeout - 0.001, "gave up before its time");
        }
      }));

    test("wrong options are refused, and the lock stays free", async (made) => {
      const { lock } = made;
      const withOptions = lock as unknown as { tryAcquire(options: unknown): unknown };
      const refuse = async (
        options: Parameters<RawLock["acquire"]>[0],
        type: new (message: string) => Error,
      ) => {
        assert.throws(() => lock.acquireSync(options), ourError(type));
        await assert.rejects(lock.acquire(options), ourError(type));
        await assert.rejects(
          withLock(lock, () => assert.fail("it is inside"), options),
          ourError(type),
        );
      };
      for (const options of WRONG_OPTIONS) {
        await refuse(options, TypeError);
        assert.throws(() => withOptions.tryAcquire(options), ourError(TypeError));
      }
      for (const timeout of WRONG_TIMEOUT_RANGES) await refuse({ timeout }, RangeError);
      for (const timeout of WRONG_TIMEOUT_TYPES) await refuse({ timeout }, TypeError);
      for (const signal of WRONG_SIGNALS) await refuse({ signal }, TypeError);
      assertFree(made);
    });

    test("an aborted signal gives its reason, and the lock stays free", (made) => {
      const reason = { why: "enough" };
      const thrown = caught(() => made.lock.acquireSync({ signal: AbortSignal.abort(reason) }));
      assert.equal(thrown, reason);
      const standard = caught(() => made.lock.acquireSync({ signal: AbortSignal.abort() }));
      assert.ok(standard instanceof DOMException && standard.name === "AbortError");
      assertFree(made);
    });

    test("a signal that never aborts changes nothing", (made) => {
      const { signal } = new AbortController();
      made.lock.acquireSync({ signal }).release();
      assertFree(made);
    });

    test("an abort during acquireSync ends it with the reason", (made) =>
      withHolder(made, () => {
        const reason = new Error("enough");
        const signal = lookingSignal((look) => {
          if (look === 4) throw reason;
        });
        assert.equal(caught(() => made.lock.acquireSync({ signal })), reason);
      }));

    test("a holder that waits for its own lock gets a DeadlockError and keeps it", (made) => {
      const guard = made.lock.acquireSync();
      assert.throws(() => made.lock.acquireSync(), DeadlockError);
      assert.throws(() => made.lock.acquireSync({ timeout: 0 }), DeadlockError);
      assert.throws(() => made.lock.lock(), DeadlockError);
      assert.equal(made.lock.tryAcquire(), undefined);
      assert.equal(made.other.tryAcquire(), undefined);
      guard.release();
      assertFree(made);
    });

    test("a sleeping thread gets the lock that another thread releases", (made) =>
      withHolder(made, (letGo) => {
        assert.equal(made.lock.tryAcquire(), undefined);
        // By its fourth look the wait has slept at least once.
        const signal = lookingSignal((look) => look === 4 && letGo());
        made.lock.acquireSync({ signal, timeout: Infinity }).release();
      }));

    test("acquire acquires a free lock, which then excludes", async (made) => {
      for (const options of [undefined, {}, { timeout: 0 }, { timeout: Infinity }]) {
        await using guard = await made.lock.acquire(options);
        assert.equal(guard.held, true);
        assert.equal(made.other.tryAcquire(), undefined);
      }
      assertFree(made);
    });

    test("tasks of one thread get the lock one by one, in their order", async (made) => {
      const order: number[] = [];
      let inside = 0;
      const task = async (i: number) => {
        using _guard = await made.lock.acquire();
        assert.equal(++inside, 1, "two tasks are inside");
        order.push(i);
        await Promise.resolve();
        inside--;
      };
      const all = Array.from({ length: 20 }, (_, i) => i);
      await Promise.all(all.map(task));
      assert.deepEqual(order, all);
      assertFree(made);
    });

    test("a task waits for the release of a guard of the same thread", async (made) => {
      const guard = made.lock.acquireSync();
      const waiting = made.lock.acquire();
      assert.equal(await Promise.race([waiting, Promise.resolve("waits")]), "waits");
      guard.release();
      (await waiting).release();
      assertFree(made);
    });

    test("a task gets the lock that another thread releases", (made) =>
      withHolder(made, async (letGo) => {
        const waiting = made.lock.acquire();
        assert.equal(await Promise.race([waiting, Promise.resolve("waits")]), "waits");
        letGo();
        (await waiting).release();
      }));

    test("acquire rejects with a TimeoutError, not before its time", (made) =>
      withHolder(made, async () => {
        for (const timeout of [0, 1, 20]) {
          const before = performance.now();
          await assert.rejects(made.lock.acquire({ timeout }), isTimeout);
          assert.ok(performance.now() - before >= timeout - 1, "gave up before its time");
        }
      }));

    test("an abort ends a task's wait with the reason, and leaves the others", (made) =>
      withHolder(made, async (letGo) => {
        const reason = { why: "enough" };
        await assert.rejects(
          made.lock.acquire({ signal: AbortSignal.abort(reason) }),
          (thrown) => thrown === reason,
        );
        const controller = new AbortController();
        const first = made.lock.acquire({ signal: controller.signal });
        const second = made.lock.acquire();
        controller.abort(reason);
        await assert.rejects(first, (thrown) => thrown === reason);
        letGo();
        (await second).release();
      }));

    test("an abort that races the grant neither loses the lock nor grants it twice", async (made) => {
      for (let i = 0; i < ABORTS; i++) {
        const guard = made.other.acquireSync();
        const controller = new AbortController();
        const first = made.lock.acquire({ signal: controller.signal });
        const second = made.lock.acquire();
        const acts = [() => controller.abort(), () => guard.release()];
        if (i % 2 === 0) acts.reverse();
        if (i % 4 < 2) acts.forEach((act) => act());
        else {
          acts[0]();
          await Promise.resolve();
          acts[1]();
        }
        const got = await first.catch(() => undefined);
        if (got !== undefined) {
          assert.equal(made.other.tryAcquire(), undefined);
          got.release();
        }
        (await second).release();
        assertFree(made);
      }
    });

    testWrappers(test);

    test(`${WORKERS} workers exclude each other`, async (made) => {
      const memory = Memory.anonymous(256);
      const start: ContenderStart = { shared: made.shared, rounds, handle: memory.handle! };
      const module = new URL("./contender.ts", import.meta.url);
      const intrusions = await withThreads(
        WORKERS,
        module,
        (threads) => race<number>(threads, threads.map(() => start)),
      );
      assert.deepEqual(intrusions, threads(0), "two holders were inside at once");
      assert.equal(new RawValue(memory, 0).value, WORKERS * rounds, "updates were lost");
      assertFree(made);
    });
  });
}

const threads = (value: number) => new Array<number>(WORKERS).fill(value);

function caught(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
}
