import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as core from "../../mod.ts";
import * as contract from "../../src/contract/mod.ts";
import { type GuardedLock, type HoldState, LockGuard } from "../../src/contract/lock_guard.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

/** The side of a lock that its guards see; counts the releases, and refuses them if told to. */
class Releases implements GuardedLock {
  count = 0;
  refusal: Error | undefined;
  state: HoldState = "held";

  release(): void {
    if (this.refusal !== undefined) throw this.refusal;
    this.count++;
  }

  stateOf(): HoldState {
    return this.state;
  }
}

describe("LockGuard", () => {
  it("holds the lock until it is released", () => {
    const lock = new Releases();
    const guard = new LockGuard(lock, 1);
    assert.equal(guard.held, true);
    assert.equal(lock.count, 0);
    guard.release();
    assert.equal(guard.held, false);
    assert.equal(lock.count, 1);
  });

  it("marks its lock as inconsistent, if that can be marked, until it is released", () => {
    const marks: unknown[] = [];
    const marked: GuardedLock = {
      release: () => {},
      stateOf: () => "held",
      markInconsistent: (guard) => void marks.push(guard),
    };
    const guard = new LockGuard(marked, 1);
    guard.markInconsistent();
    assert.deepEqual(marks, [guard]);
    guard.release();
    assert.throws(() => guard.markInconsistent(), /released/);
    assert.throws(() => new LockGuard(new Releases(), 1).markInconsistent(), TypeError);
  });

  it("hands itself to its lock", () => {
    const seen: unknown[] = [];
    const lock: GuardedLock = {
      release: (guard) => void seen.push(guard),
      stateOf: (guard) => {
        seen.push(guard);
        return "held";
      },
    };
    const guard = new LockGuard(lock, 1);
    assert.equal(guard.held, true);
    guard.release();
    assert.deepEqual(seen, [guard, guard]);
  });

  it("tells its token and how the lock was acquired", () => {
    const owner = { pid: 12 };
    const { token, recovered, previousOwner } = new LockGuard(new Releases(), 7, true, owner);
    assert.deepEqual([token, recovered, previousOwner], [7, true, owner]);
    const plain = new LockGuard(new Releases(), undefined);
    assert.deepEqual(
      [plain.token, plain.recovered, plain.previousOwner],
      [undefined, false, undefined],
    );
  });

  it("refuses a second release", () => {
    const lock = new Releases();
    const guard = new LockGuard(lock, 1);
    guard.release();
    assert.throws(() => guard.release(), /twice/);
    assert.equal(lock.count, 1);
  });

  it("releases once, however often it is disposed", async () => {
    const lock = new Releases();
    const guard = new LockGuard(lock, 1);
    guard[Symbol.dispose]();
    guard[Symbol.dispose]();
    await guard[Symbol.asyncDispose]();
    assert.equal(lock.count, 1);
    assert.throws(() => guard.release(), /twice/);
    assert.equal(lock.count, 1);
  });

  it("does not release again at the end of its block", () => {
    const lock = new Releases();
    const guard = new LockGuard(lock, 1);
    guard.release();
    guard[Symbol.dispose]();
    assert.equal(lock.count, 1);
  });

  it("has released by the time that its asynchronous disposal returns a promise", async () => {
    const lock = new Releases();
    const disposal = new LockGuard(lock, 1)[Symbol.asyncDispose]();
    assert.equal(lock.count, 1);
    assert.equal(await disposal, undefined);
  });

  it("throws what its lock throws, and still holds", () => {
    const lock = new Releases();
    const guard = new LockGuard(lock, 1);
    lock.refusal = new Error("not yours");
    assert.throws(() => guard.release(), lock.refusal);
    assert.throws(() => guard[Symbol.dispose](), lock.refusal);
    assert.equal(guard.held, true);
    lock.refusal = undefined;
    guard.release();
    assert.equal(lock.count, 1);
  });
});

describe("LockGuard of a hold that the lock has ended", () => {
  /** A lock in a state, which refuses every release. */
  function lockIn(state: HoldState): Releases {
    const lock = new Releases();
    lock.state = state;
    lock.refusal = new Error(`it is ${state}`);
    return lock;
  }

  it("holds only in the state held", () => {
    for (const state of ["held", "waiting", "lost", "ended"] as const) {
      assert.equal(new LockGuard(lockIn(state), 1).held, state === "held");
    }
  });

  it("throws at its disposal, unless the program knows already", () => {
    new LockGuard(lockIn("ended"), 1)[Symbol.dispose]();
    for (const state of ["held", "waiting", "lost"] as const) {
      const guard = new LockGuard(lockIn(state), 1);
      assert.throws(() => guard[Symbol.dispose](), new RegExp(`it is ${state}`));
    }
  });

  it("reports a loss once", () => {
    for (const state of ["lost", "ended"] as const) {
      const guard = new LockGuard(lockIn(state), 1);
      assert.throws(() => guard.release(), new RegExp(`it is ${state}`));
      guard[Symbol.dispose]();
      assert.throws(() => guard.release(), /released before/);
    }
    const guard = new LockGuard(lockIn("waiting"), 1);
    for (let i = 0; i < 2; i++) assert.throws(() => guard.release(), /it is waiting/);
  });
});

describe("A program", () => {
  /** A guard of each kind of lock of this machine. */
  async function withGuards(body: (guards: readonly object[]) => void): Promise<void> {
    await inScratchFolder(async (folder) => {
      const mutex = core.Segment.anonymous(65536).mutex("jobs");
      using lock = new core.FileLock(`${folder}/lock`);
      using first = mutex.acquireSync();
      using second = await lock.acquire();
      body([first, second]);
    });
  }

  it("finds nothing exported that makes guards", () =>
    withGuards((guards) => {
      for (const [name, value] of [...Object.entries(core), ...Object.entries(contract)]) {
        const isClass = typeof value === "function" && typeof value.prototype === "object";
        for (const guard of guards) {
          assert.ok(!isClass || !Object.prototype.isPrototypeOf.call(value.prototype, guard), name);
        }
      }
    }));

  it("makes no guard by the constructor of one that it has", () =>
    withGuards((guards) => {
      for (const guard of guards) {
        const { constructor } = guard as { constructor: new (...args: unknown[]) => object };
        const made = new constructor({ release() {}, stateOf: () => "held" }, 1);
        for (const prototype of prototypesOf(guard)) {
          assert.equal(Object.prototype.isPrototypeOf.call(prototype, made), false);
        }
      }
    }));

  it("finds nothing in a guard that releases the hold of another", () =>
    withGuards((guards) => {
      const expected: readonly symbol[] = [Symbol.dispose, Symbol.asyncDispose];
      for (const guard of guards) {
        for (const object of [guard, ...prototypesOf(guard)]) {
          const symbols = Object.getOwnPropertySymbols(object);
          assert.deepEqual(symbols.filter((symbol) => !expected.includes(symbol)), []);
        }
      }
    }));
});

/** The prototypes of an object, without that of all objects. */
function prototypesOf(object: object): object[] {
  const prototype = Object.getPrototypeOf(object);
  return prototype === Object.prototype ? [] : [prototype, ...prototypesOf(prototype)];
}
