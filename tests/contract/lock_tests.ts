import assert from "node:assert/strict";
import { it } from "node:test";
import { type AsyncGuard, type Guard, locked, withLock } from "../../src/contract/mod.ts";

type MaybePromise<T> = T | Promise<T>;

/** A lock, on this machine or in a medium that answers later. */
interface AnyLock {
  acquire(): Promise<Guard | AsyncGuard>;
  tryAcquire(): MaybePromise<Guard | AsyncGuard | undefined>;
}

/** A free lock, and the same one, opened by another holder. */
interface UnderTest {
  readonly lock: AnyLock;
  readonly other: AnyLock;
}

/** A test whose body gets a lock of its own. */
export type LockTest<M> = (title: string, body: (made: M) => void | Promise<void>) => void;

/** Returns a function that adds a test, each of which makes a lock and closes it. */
export function testsWith<M extends { close(): void | Promise<void> }>(
  make: () => MaybePromise<M>,
): LockTest<M> {
  return (title, body) => {
    it(title, { timeout: 60_000 }, async () => {
      const made = await make();
      try {
        await body(made);
      } finally {
        await made.close();
      }
    });
  };
}

/** Fails unless the lock is free for both holders. */
export async function assertFree({ lock, other }: UnderTest): Promise<void> {
  for (const handle of [lock, other]) {
    const guard = await handle.tryAcquire();
    assert.ok(guard, "the lock is not free");
    await guard.release();
  }
}

/** Tests `withLock` and `locked` with a lock. */
export function testWrappers(test: LockTest<UnderTest>): void {
  test("withLock releases the lock whether its body returns or fails", async (made) => {
    assert.equal(await withLock(made.lock, (guard) => guard.held), true);
    const failure = new Error("of the body");
    const thrower = () => {
      throw failure;
    };
    await assert.rejects(withLock(made.lock, thrower), failure);
    await assert.rejects(withLock(made.lock, () => Promise.reject(failure)), failure);
    await assertFree(made);
  });

  test("locked passes the receiver and the arguments to what it wraps", async (made) => {
    class Account {
      balance = 1;
      async add(this: Account, n: number, m: number) {
        assert.equal(await made.other.tryAcquire(), undefined);
        return this.balance += n + m;
      }
    }
    // The call that a decorator makes: Node cannot parse the syntax of decorators.
    const add = locked(made.lock)(
      Account.prototype.add,
      { kind: "method", name: "add" } as ClassMethodDecoratorContext<Account>,
    );
    const account = new Account();
    assert.deepEqual(await Promise.all([add.call(account, 1, 2), add.call(account, 3, 4)]), [
      4,
      11,
    ]);
    await assertFree(made);
  });
}
