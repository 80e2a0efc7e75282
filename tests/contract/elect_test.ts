import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { elect, type ElectOptions, FileLock, LockLostError, Segment } from "../../mod.ts";
import { ourError } from "../support/our_error.ts";
import {
  WRONG_FUNCTIONS,
  WRONG_LOCKS,
  WRONG_OPTIONS,
  WRONG_SIGNALS,
  WRONG_TIMEOUT_RANGES,
  WRONG_TIMEOUT_TYPES,
} from "./wrong_arguments.ts";

const mutex = Segment.anonymous(65536).mutex("leader");
const unused = () => assert.fail("it ran");

function assertFree(): void {
  const guard = mutex.tryAcquire();
  assert.ok(guard, "the lock is not free");
  guard.release();
}

/** A lock whose guards can be lost, and the order of what happens to it. */
function losableLock() {
  const events: string[] = [];
  const loss = new AbortController();
  const lock = {
    acquire: () => {
      events.push("acquired");
      return Promise.resolve({
        token: events.length,
        recovered: false,
        previousOwner: undefined,
        signal: loss.signal,
        [Symbol.asyncDispose]() {
          events.push("released");
          const { aborted, reason } = loss.signal;
          return aborted ? Promise.reject(new LockLostError("again", { cause: reason })) : done;
        },
      });
    },
  };
  const done = Promise.resolve();
  return { lock, events, loss };
}

describe("elect", () => {
  it("refuses wrong arguments, and does not run the work", async () => {
    for (const lock of WRONG_LOCKS) {
      await assert.rejects(elect(lock as typeof mutex, unused), ourError(TypeError));
    }
    for (const work of WRONG_FUNCTIONS) {
      await assert.rejects(elect(mutex, work as () => void), ourError(TypeError));
    }
    const wrong: unknown[] = [
      ...WRONG_OPTIONS,
      ...WRONG_SIGNALS.map((signal) => ({ signal })),
      ...WRONG_TIMEOUT_TYPES.map((pause) => ({ pause })),
      ...WRONG_FUNCTIONS.filter((it) => it !== undefined).map((onError) => ({ onError })),
    ];
    for (const options of wrong) {
      await assert.rejects(elect(mutex, unused, options as ElectOptions), ourError(TypeError));
    }
    for (const pause of WRONG_TIMEOUT_RANGES) {
      await assert.rejects(elect(mutex, unused, { pause }), ourError(RangeError));
    }
    assertFree();
  });

  it("runs the work again after each term until it is aborted, with greater tokens", async () => {
    const stop = new AbortController();
    const tokens: number[] = [];
    await elect(mutex, ({ token, recovered, previousOwner }) => {
      assert.equal(mutex.tryAcquire(), undefined, "it does not hold the lock");
      assert.deepEqual([recovered, previousOwner], [false, undefined]);
      if (tokens.push(token) === 3) stop.abort();
    }, { signal: stop.signal, pause: 0 });
    assert.equal(tokens.length, 3);
    assert.deepEqual(tokens, tokens.toSorted((a, b) => a - b));
    assertFree();
  });

  it("resolves without a term if it is aborted before, or while another one leads", async () => {
    await elect(mutex, unused, { signal: AbortSignal.abort() });
    const leader = mutex.acquireSync();
    const stop = new AbortController();
    const ended = elect(mutex, unused, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 5);
    await ended;
    leader.release();
    assertFree();
  });

  it("resolves at once if it is aborted in the pause, in which the lock is free", async () => {
    const stop = new AbortController();
    let terms = 0;
    const ended = elect(mutex, () => void terms++, { signal: stop.signal, pause: 1e9 });
    while (terms === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assertFree();
    stop.abort();
    await ended;
    assert.equal(terms, 1);
  });

  it("aborts the signal of the term, and waits for the work before it releases", async () => {
    for (const rethrow of [true, false]) {
      const stop = new AbortController();
      const reason = new Error("enough");
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>();
      const ended = elect(mutex, async ({ signal }) => {
        signal.addEventListener("abort", () => resolve());
        await mayEnd;
        assert.equal(signal.reason, reason);
        if (rethrow) throw new Error("stopped", { cause: signal.reason });
      }, { signal: stop.signal });
      setTimeout(() => stop.abort(reason), 1);
      await aborted;
      assert.equal(mutex.tryAcquire(), undefined, "it was released before the work ended");
      end();
      await ended;
      assertFree();
    }
  });

  it("rejects with an error of the work, and the lock is free", async () => {
    const failure = new Error("of the work");
    const work = () => Promise.reject(failure);
    await assert.rejects(elect(mutex, work), failure);
    // An abort of something else is an error, too, and so is another error after the abort.
    const other = new DOMException("of a request", "AbortError");
    await assert.rejects(elect(mutex, () => Promise.reject(other)), other);
    const stop = new AbortController();
    const late = elect(mutex, () => {
      stop.abort();
      throw failure;
    }, { signal: stop.signal });
    await assert.rejects(late, failure);
    await assert.rejects(elect(mutex, function* () {}), ourError(TypeError));
    assertFree();
  });

  it("goes on after an error if onError returns, and rejects if it throws", async () => {
    const errors: unknown[] = [];
    const last = new Error("enough");
    const failing = elect(mutex, () => Promise.reject(new Error(`${errors.length}`)), {
      pause: 0,
      onError(error) {
        errors.push((error as Error).message);
        if (errors.length === 3) throw last;
      },
    });
    await assert.rejects(failing, last);
    assert.deepEqual(errors, ["0", "1", "2"]);

    const stop = new AbortController();
    const lock = { acquire: () => Promise.reject(new Error("of the lock")) };
    const seen: unknown[] = [];
    await elect(lock, unused, {
      signal: stop.signal,
      pause: 0,
      async onError(error) {
        seen.push(error);
        await undefined;
        if (seen.length === 2) stop.abort();
      },
    });
    assert.deepEqual(seen, [new Error("of the lock"), new Error("of the lock")]);
    assertFree();
  });

  it("tells the work of the loss, which is no error, and is a candidate again", async () => {
    const { lock, events, loss } = losableLock();
    const stop = new AbortController();
    const seen: unknown[] = [];
    await elect(lock, async ({ signal }) => {
      setTimeout(() => loss.abort(new LockLostError("lost")), 1);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      seen.push(signal.reason);
      setTimeout(() => stop.abort(), 1);
      throw signal.reason;
    }, { signal: stop.signal, pause: 1e9 });
    assert.deepEqual(seen, [loss.signal.reason]);
    assert.deepEqual(events, ["acquired", "released"]);
  });

  it("does not run the work of a hold that was lost before it began", async () => {
    const { lock, events, loss } = losableLock();
    loss.abort(new LockLostError("lost"));
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 1);
    await elect(lock, unused, { signal: stop.signal, pause: 1e9 });
    assert.deepEqual(events, ["acquired", "released"]);
  });

  it("reports a loss that the signal has not told of", async () => {
    const lost = new LockLostError("at the release");
    const lock = {
      acquire: async () => ({
        ...await losableLock().lock.acquire(),
        [Symbol.asyncDispose]: () => Promise.reject(lost),
      }),
    };
    await assert.rejects(elect(lock, () => {}), lost);
  });

  it("aborts the signal when the work has settled, before the release", async () => {
    const { lock, events } = losableLock();
    const stop = new AbortController();
    await elect(lock, ({ signal }) => {
      signal.addEventListener("abort", () => {
        events.push(signal.reason.name);
        stop.abort();
      });
    }, { signal: stop.signal });
    assert.deepEqual(events, ["acquired", "AbortError", "released"]);
  });

  it("refuses a shared hold, and releases it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "interlock-elect-"));
    try {
      using lock = new FileLock(join(folder, "lock"));
      const shared = {
        acquire: (options?: object) => lock.acquire({ ...options, shared: true }),
      };
      await assert.rejects(elect(shared, unused), ourError(TypeError));
      lock.tryAcquire()!.release();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
