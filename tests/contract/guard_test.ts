import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  DeadlockError,
  Guard,
  HOLD,
  type HoldState,
  RELEASE,
  UnsupportedError,
} from "../../mod.ts";
import { timeoutError } from "../../src/contract/errors.ts";

/** A lock that counts its releases, and refuses those it is told to. */
function countingLock() {
  const lock = {
    releases: 0,
    refusal: undefined as Error | undefined,
    [RELEASE]() {
      if (lock.refusal !== undefined) throw lock.refusal;
      lock.releases++;
    },
  };
  return lock;
}

describe("Guard", () => {
  it("holds until it is released", () => {
    const lock = countingLock();
    const guard = new Guard(lock, 1);
    assert.equal(guard.held, true);
    assert.equal(lock.releases, 0);
    guard.release();
    assert.equal(guard.held, false);
    assert.equal(lock.releases, 1);
  });

  it("refuses a second release", () => {
    const lock = countingLock();
    const guard = new Guard(lock, 1);
    guard.release();
    assert.throws(() => guard.release(), /twice/);
    assert.equal(lock.releases, 1);
  });

  it("is disposed of once", async () => {
    const lock = countingLock();
    const guard = new Guard(lock, 1);
    guard[Symbol.dispose]();
    guard[Symbol.dispose]();
    await guard[Symbol.asyncDispose]();
    assert.equal(lock.releases, 1);
    assert.throws(() => guard.release(), /twice/);
    assert.equal(lock.releases, 1);
  });

  it("is not released again by the disposal at the end of its block", () => {
    const lock = countingLock();
    const guard = new Guard(lock, 1);
    guard.release();
    guard[Symbol.dispose]();
    assert.equal(lock.releases, 1);
  });

  it("is disposed of asynchronously before the promise is there", async () => {
    const lock = countingLock();
    const disposal = new Guard(lock, 1)[Symbol.asyncDispose]();
    assert.equal(lock.releases, 1);
    assert.equal(await disposal, undefined);
  });

  it("passes on the refusal of its lock and still holds", () => {
    const lock = countingLock();
    const guard = new Guard(lock, 1);
    lock.refusal = new Error("not yours");
    assert.throws(() => guard.release(), lock.refusal);
    assert.throws(() => guard[Symbol.dispose](), lock.refusal);
    assert.equal(guard.held, true);
    lock.refusal = undefined;
    guard.release();
    assert.equal(lock.releases, 1);
  });
});

describe("Guard of a lock that tells what became of its hold", () => {
  /** A lock in a state, which refuses every release. */
  const lockIn = (state: HoldState) => ({
    state,
    [RELEASE]() {
      throw new Error(`it is ${this.state}`);
    },
    [HOLD]() {
      return this.state;
    },
  });

  it("holds only while that says so", () => {
    for (const state of ["held", "waiting", "lost", "ended"] as const) {
      assert.equal(new Guard(lockIn(state), 1).held, state === "held");
    }
  });

  it("is disposed of in silence where the lock has said it before", () => {
    new Guard(lockIn("ended"), 1)[Symbol.dispose]();
    for (const state of ["held", "waiting", "lost"] as const) {
      const guard = new Guard(lockIn(state), 1);
      assert.throws(() => guard[Symbol.dispose](), new RegExp(`it is ${state}`));
    }
  });

  it("tells of a loss once", () => {
    for (const state of ["lost", "ended"] as const) {
      const guard = new Guard(lockIn(state), 1);
      assert.throws(() => guard.release(), new RegExp(`it is ${state}`));
      guard[Symbol.dispose]();
      assert.throws(() => guard.release(), /released before/);
    }
    const guard = new Guard(lockIn("waiting"), 1);
    for (let i = 0; i < 2; i++) assert.throws(() => guard.release(), /it is waiting/);
  });
});

describe("The errors", () => {
  it("carry their names, messages and causes", () => {
    const cause = new Error("cause");
    for (
      const [type, name] of [[DeadlockError, "DeadlockError"], [
        UnsupportedError,
        "UnsupportedError",
      ]] as const
    ) {
      const error = new type("what", { cause });
      assert.ok(error instanceof Error && error instanceof type);
      assert.deepEqual([error.name, error.message, error.cause], [name, "what", cause]);
      assert.equal(String(error), `${name}: what`);
    }
  });

  it("of time is the standard one", () => {
    const error = timeoutError("too late");
    assert.ok(error instanceof DOMException);
    assert.deepEqual([error.name, error.message, error.code], ["TimeoutError", "too late", 23]);
  });
});
