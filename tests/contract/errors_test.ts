import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeadlockError, OwnerDiedError, UnsupportedError } from "../../mod.ts";
import { timeoutError } from "../../src/contract/errors.ts";

describe("An error", () => {
  it("has its name, message and cause", () => {
    const cause = new Error("cause");
    for (
      const [type, name] of [
        [DeadlockError, "DeadlockError"],
        [UnsupportedError, "UnsupportedError"],
      ] as const
    ) {
      const error = new type("what", { cause });
      assert.ok(error instanceof Error && error instanceof type);
      assert.deepEqual([error.name, error.message, error.cause], [name, "what", cause]);
      assert.equal(String(error), `${name}: what`);
    }
  });

  it("of a dead owner has the owner", () => {
    const [owner, cause] = [{ pid: 12 }, new Error("cause")];
    const error = new OwnerDiedError("what", owner, { cause });
    assert.ok(error instanceof Error && error instanceof OwnerDiedError);
    assert.deepEqual([error.name, error.owner, error.cause], ["OwnerDiedError", owner, cause]);
  });

  it("of a timeout is the standard one", () => {
    const error = timeoutError("too late");
    assert.ok(error instanceof DOMException);
    assert.deepEqual([error.name, error.message, error.code], ["TimeoutError", "too late", 23]);
  });
});
