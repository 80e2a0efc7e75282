import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BareLock, DeadlockError, locked, withLock } from "../../src/contract/mod.ts";
import { Flag, Memory, RawValue } from "../../src/memory/mod.ts";
import { lookingSignal } from "../support/looking_signal.ts";
import { race, withThreads } from "../support/thread.ts";
import type { ContenderStart } from "./contender.ts";
import type { HolderStart } from "./holder.ts";
import type { SharedLock } from "./shared_lock.ts";

/** One lock, free, as the contract suite needs it. */
export interface LockUnderTest {
  readonly lock: BareLock;
  /** The same lock as another holder has it. */
  readonly other: BareLock;
  /** How other threads open it. */
  readonly shared: SharedLock;
  close(): void;
}

const DEADLINE = { timeout: 30_000 };
const WORKERS = 4;
/** How often an abort races the grant; `deno task soak` does so 10,000 times. */
const ABORTS = 400;
const HOLDER = new URL("./holder.ts", import.meta.url);

/** Runs `body` while another thread holds the lock; that gives it back when told to, or after. */
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
  for (const handle of [made.lock, made.other]) {
    const guard = handle.tryAcquire();
    assert.ok(guard, "the lock is not free");
    guard.release();
  }
}

/** Whether an error is what a wait that ran out of time throws. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

/**
 * The contract of {@linkcode BareLock}, to be kept by every medium.
 *
 * @param make Makes a lock that nobody else uses.
 * @param rounds How often each of 4 workers takes it to show that it excludes.
 */
export function describeLock(
  name: string,
  make: () => LockUnderTest | Promise<LockUnderTest>,
  rounds: number,
): void {
  const test = (title: string, body: (made: LockUnderTest) => void | Promise<void>) => {
    it(title, DEADLINE, async () => {
      const made = await make();
      try {
        await body(made);
      } finally {
        made.close();
      }
    });
  };

  /** Fails unless the lock is free for both. */
  const assertFree = ({ lock, other }: LockUnderTest) => {
    for (const handle of [lock, other]) {
      const guard = handle.tryAcquire();
      assert.ok(guard, "the lock is not free");
      guard.release();
    }
  };

  describe(`${name} keeps the contract of Lock:`, () => {
    test("tryAcquire takes a free lock, and no lock of another", (made) => {
      const guard = made.lock.tryAcquire();
      assert.ok(guard);
      assert.equal(guard.held, true);
      assert.equal(made.other.tryAcquire(), undefined);
      guard.release();
      assert.equal(guard.held, false);
      assertFree(made);
    });

    test("acquireSync takes a free lock, which then excludes", (made) => {
      for (const options of [undefined, {}, { timeout: 0 }, { timeout: Infinity }]) {
        const guard = made.lock.acquireSync(options);
        assert.equal(made.other.tryAcquire(), undefined);
        guard.release();
        assertFree(made);
      }
    });

    test("lock and unlock go without a guard", (made) => {
      made.lock.lock();
      assert.equal(made.other.tryAcquire(), undefined);
      made.lock.unlock();
      assertFree(made);
    });

    test("unlock is refused to who does not hold it", (made) => {
      assert.throws(() => made.lock.unlock(), Error);
      made.lock.lock();
      assert.throws(() => made.other.unlock(), Error);
      assert.equal(made.other.tryAcquire(), undefined, "the refused unlock released it");
      made.lock.unlock();
      assert.throws(() => made.lock.unlock(), Error);
      assertFree(made);
    });

    test("a guard releases once, and not what was taken after it", (made) => {
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

    test("disposal releases a guard, however often it is asked to", async (made) => {
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

    test("a wait that runs out of time throws a TimeoutError, not before its time", (made) =>
      withHolder(made, () => {
        for (const timeout of [0, 0.5, 20]) {
          const before = performance.now();
          assert.throws(() => made.lock.acquireSync({ timeout }), isTimeout);
          assert.ok(performance.now() - before >= timeout - 0.001, "gave up before its time");
        }
      }));

    test("a wrong timeout is refused, and the lock stays free", (made) => {
      for (const timeout of [-1, -Infinity, NaN]) {
        assert.throws(() => made.lock.acquireSync({ timeout }), RangeError);
      }
      for (const timeout of ["1", null, 1n, {}] as unknown as number[]) {
        assert.throws(() => made.lock.acquireSync({ timeout }), TypeError);
      }
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

    test("an abort in the middle of a wait ends it with the reason", (made) =>
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

    test("a sleeper gets the lock that another thread gives back", (made) =>
      withHolder(made, (letGo) => {
        assert.equal(made.lock.tryAcquire(), undefined);
        // By its fourth look the wait has slept at least once.
        const signal = lookingSignal((look) => look === 4 && letGo());
        made.lock.acquireSync({ signal, timeout: Infinity }).release();
      }));

    test("acquire takes a free lock, which then excludes", async (made) => {
      for (const options of [undefined, {}, { timeout: 0 }, { timeout: Infinity }]) {
        await using guard = await made.lock.acquire(options);
        assert.equal(guard.held, true);
        assert.equal(made.other.tryAcquire(), undefined);
      }
      assertFree(made);
    });

    test("tasks of one thread get the lock one after the other, in their order", async (made) => {
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

    test("a task waits for the guard of another, however that releases it", async (made) => {
      const guard = made.lock.acquireSync();
      const waiting = made.lock.acquire();
      assert.equal(await Promise.race([waiting, Promise.resolve("waits")]), "waits");
      guard.release();
      (await waiting).release();
      assertFree(made);
    });

    test("a task gets the lock that another thread gives back", (made) =>
      withHolder(made, async (letGo) => {
        const waiting = made.lock.acquire();
        assert.equal(await Promise.race([waiting, Promise.resolve("waits")]), "waits");
        letGo();
        (await waiting).release();
      }));

    test("a task that runs out of time throws a TimeoutError, not before its time", (made) =>
      withHolder(made, async () => {
        for (const timeout of [0, 1, 20]) {
          const before = performance.now();
          await assert.rejects(made.lock.acquire({ timeout }), isTimeout);
          assert.ok(performance.now() - before >= timeout - 1, "gave up before its time");
        }
        for (const timeout of [-1, NaN]) {
          await assert.rejects(made.lock.acquire({ timeout }), RangeError);
        }
        await assert.rejects(made.lock.acquire({ timeout: "1" as unknown as number }), TypeError);
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

    test("an abort that comes with the grant loses no lock and gives none twice", async (made) => {
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

    test("withLock releases whatever becomes of its body", async (made) => {
      assert.equal(await withLock(made.lock, (guard) => guard.held), true);
      const failure = new Error("of the body");
      const thrower = () => {
        throw failure;
      };
      await assert.rejects(withLock(made.lock, thrower), failure);
      await assert.rejects(withLock(made.lock, () => Promise.reject(failure)), failure);
      assertFree(made);
    });

    test("locked wraps a function or a method, with its receiver and its arguments", async (made) => {
      class Account {
        balance = 1;
        add(this: Account, n: number, m: number) {
          assert.equal(made.other.tryAcquire(), undefined);
          return this.balance += n + m;
        }
      }
      // What a decorator does, without its syntax, which Node does not read.
      const add = locked(made.lock)(
        Account.prototype.add,
        { kind: "method", name: "add" } as ClassMethodDecoratorContext<Account>,
      );
      const account = new Account();
      assert.deepEqual(await Promise.all([add.call(account, 1, 2), add.call(account, 3, 4)]), [
        4,
        11,
      ]);
      assertFree(made);
    });

    test(`${WORKERS} workers exclude each other`, async (made) => {
      const memory = Memory.anonymous(256);
      const start: ContenderStart = { shared: made.shared, rounds, handle: memory.handle! };
      const module = new URL("./contender.ts", import.meta.url);
      const intrusions = await withThreads(
        WORKERS,
        module,
        (threads) => race<number>(threads, threads.map(() => start)),
      );
      assert.deepEqual(intrusions, threads(0), "somebody was inside beside the holder");
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
