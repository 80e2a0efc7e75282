import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { locked, Segment, withLock } from "../../mod.ts";
import { ourError } from "../support/our_error.ts";
import { WRONG_FUNCTIONS, WRONG_LOCKS, WRONG_OPTIONS } from "./wrong_arguments.ts";

const mutex = Segment.anonymous(65536).mutex("jobs");

function assertFree(): void {
  const guard = mutex.tryAcquire();
  assert.ok(guard, "the lock is not free");
  guard.release();
}

describe("withLock", () => {
  it("refuses a lock that is none, and does not run the body", async () => {
    for (const lock of WRONG_LOCKS) {
      await assert.rejects(
        withLock(lock, () => assert.fail("it ran")),
        ourError(TypeError),
      );
    }
  });

  it("refuses a body that is no function, and the lock stays free", async () => {
    for (const body of WRONG_FUNCTIONS) {
      await assert.rejects(withLock(mutex, body as () => void), ourError(TypeError));
      assertFree();
    }
  });

  it("reports both errors if the body and the release fail", async () => {
    const failures = [new Error("of the body"), new Error("of the release")];
    const lock = {
      acquire: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.reject(failures[1]) }),
    };
    await assert.rejects(
      withLock(lock, () => Promise.reject(failures[0])),
      (error: SuppressedError) =>
        error.name === "SuppressedError" && error.suppressed === failures[0] &&
        error.error === failures[1],
    );
    await assert.rejects(withLock(lock, () => 1), failures[1]);
  });

  it("passes the options to the lock, and the guard to the body", async () => {
    const guard = { [Symbol.asyncDispose]: () => Promise.resolve() };
    const seen: unknown[] = [];
    const lock = {
      acquire: (options?: { timeout?: number }) => {
        seen.push(options);
        return Promise.resolve(guard);
      },
    };
    const options = { timeout: 5 };
    assert.equal(await withLock(lock, (given) => given === guard, options), true);
    assert.equal(await locked(lock, options)(() => 2)(), 2);
    assert.equal(seen[0], options);
    assert.equal(seen[1], options);
  });
});

describe("locked", () => {
  it("refuses a lock that is none at once", () => {
    for (const lock of WRONG_LOCKS) assert.throws(() => locked(lock), ourError(TypeError));
  });

  it("refuses a body that is no function at once", () => {
    for (const body of WRONG_FUNCTIONS) {
      assert.throws(() => locked(mutex)(body as () => void), ourError(TypeError));
    }
    assertFree();
  });

  it("refuses wrong options at the call, and does not run the body", async () => {
    for (const options of WRONG_OPTIONS) {
      await assert.rejects(
        locked(mutex, options)(() => assert.fail("it ran"))(),
        ourError(TypeError),
      );
    }
    assertFree();
  });
});
