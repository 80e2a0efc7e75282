import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkAcquireOptions } from "../../src/contract/options.ts";
import {
  WRONG_OPTIONS,
  WRONG_SIGNALS,
  WRONG_TIMEOUT_RANGES,
  WRONG_TIMEOUT_TYPES,
} from "./wrong_arguments.ts";

describe("checkAcquireOptions", () => {
  it("accepts options that are missing, empty or right", () => {
    const { signal } = new AbortController();
    for (const options of [undefined, {}, { timeout: 0, signal }, { timeout: undefined }]) {
      checkAcquireOptions(options);
    }
    checkAcquireOptions({ signal: AbortSignal.abort() }); // Looking at it is for the wait.
  });

  it("refuses options that are no object", () => {
    for (const options of WRONG_OPTIONS) {
      assert.throws(
        () => checkAcquireOptions(options, "acquire a mutex"),
        { name: "TypeError", message: /^Cannot acquire a mutex: options must be an object, not / },
      );
    }
  });

  it("refuses a timeout that is negative or NaN, and names it", () => {
    for (const timeout of WRONG_TIMEOUT_RANGES) {
      assert.throws(
        () => checkAcquireOptions({ timeout }),
        (error) => error instanceof RangeError && error.message.includes(`given ${timeout}`),
      );
    }
  });

  it("refuses a timeout that is no number", () => {
    for (const timeout of WRONG_TIMEOUT_TYPES) {
      assert.throws(
        () => checkAcquireOptions({ timeout }),
        { name: "TypeError", message: /^Cannot wait: timeout must be a number of milliseconds/ },
      );
    }
  });

  it("refuses a signal that is no AbortSignal", () => {
    for (const signal of WRONG_SIGNALS) {
      assert.throws(
        () => checkAcquireOptions({ signal }),
        { name: "TypeError", message: /^Cannot wait: signal must be an AbortSignal, not / },
      );
    }
  });

  it("reads each option once, and returns what it has checked", () => {
    const { signal } = new AbortController();
    const reads: string[] = [];
    const options = {
      get timeout() {
        reads.push("timeout");
        return reads.length > 2 ? NaN : 5;
      },
      get signal() {
        reads.push("signal");
        return signal;
      },
    };
    assert.deepEqual(checkAcquireOptions(options), { timeout: 5, signal });
    assert.deepEqual(reads.sort(), ["signal", "timeout"]);
    assert.deepEqual(checkAcquireOptions(undefined), {});
  });

  it("accepts a signal of another realm", () => {
    const { signal } = new AbortController();
    const foreign = {
      get aborted() {
        return signal.aborted;
      },
      throwIfAborted: () => signal.throwIfAborted(),
      addEventListener: signal.addEventListener.bind(signal),
      removeEventListener: signal.removeEventListener.bind(signal),
    };
    checkAcquireOptions({ signal: foreign });
  });
});
