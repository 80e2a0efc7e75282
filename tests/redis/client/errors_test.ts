import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { codeOf, explain, isTemporary } from "../../../src/redis/client/errors.ts";
import { MisconfiguredError, RefusedError, UnreachableError } from "../../../src/redis/mod.ts";

describe("explain", () => {
  const said = (message: string) => explain('add to the counter "n"', new Error(message));

  it("distinguishes refusals from mistakes", () => {
    const refusals = ["NOPERM", "NOAUTH", "READONLY", "OOM", "MISCONF", "LOADING", "BUSY"];
    for (const code of refusals) {
      const error = said(`${code} for some reason`);
      assert.ok(error instanceof RefusedError);
      assert.equal(error.code, code);
      assert.match(
        error.message,
        new RegExp(`^Cannot add to the counter "n": the server answers "${code} for`),
      );
    }
    for (const code of ["WRONGTYPE", "CROSSSLOT", "MOVED", "ERR"]) {
      const error = said(`${code} for some reason`);
      assert.ok(error instanceof MisconfiguredError);
      assert.equal(error.code, code);
    }
    assert.ok(said("ERR max number of clients reached") instanceof RefusedError);
  });

  it("keeps the cause, and whether it may have happened", () => {
    for (const mayHaveHappened of [true, false]) {
      const cause = new UnreachableError("no answer within 5 ms", mayHaveHappened);
      const error = explain("take the lock", cause);
      assert.ok(error instanceof UnreachableError);
      assert.equal(error.cause, cause);
      assert.equal(error.mayHaveHappened, mayHaveHappened);
      assert.match(
        error.message,
        mayHaveHappened ? /The server may have done it/ : /Nothing was changed/,
      );
    }
  });

  it("recognizes temporary errors", () => {
    for (const code of ["LOADING", "BUSY", "CLUSTERDOWN"]) {
      assert.ok(isTemporary(said(`${code} x`)));
    }
    for (const code of ["NOPERM", "OOM", "WRONGTYPE"]) assert.ok(!isTemporary(said(`${code} x`)));
    assert.ok(isTemporary(new UnreachableError("no answer", true)));
  });

  it("does not change an error that is not the server's", () => {
    const error = new TypeError("Not a text");
    assert.equal(explain("take the lock", error), error);
    assert.equal(codeOf(new Error("Connection is closed.")), undefined);
    assert.equal(codeOf(new Error("connect ECONNREFUSED")), undefined);
    assert.equal(codeOf("WRONGTYPE"), undefined);
  });
});
