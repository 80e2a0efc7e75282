import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type AcquireOptions, FileLock, JsonFile, Segment } from "../../mod.ts";
import { onAbort } from "../../src/contract/abort.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const REASON = new Error("enough");

/** A signal that is not aborted, with some of its parts replaced. */
function signalWith(parts: object): AbortSignal {
  return {
    aborted: false,
    reason: undefined,
    throwIfAborted() {},
    addEventListener() {},
    removeEventListener() {},
    ...parts,
  } as unknown as AbortSignal;
}

const stubborn = () =>
  signalWith({
    removeEventListener() {
      throw new Error("it stays");
    },
  });

describe("onAbort", () => {
  it("calls its listener with the reason, once", () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    onAbort(controller.signal, (reason) => reasons.push(reason));
    controller.abort(REASON);
    controller.signal.dispatchEvent(new Event("abort"));
    assert.deepEqual(reasons, [REASON]);
  });

  it("calls it no more after the end, even by a signal that keeps it", () => {
    let abort = () => {};
    const signal = signalWith({
      addEventListener: (_type: string, listener: () => void) => abort = listener,
    });
    onAbort(signal, () => assert.fail("it was called"))();
    abort();
  });

  it("does not throw at the end, whatever the signal does", () => {
    onAbort(undefined, () => {})();
    onAbort(stubborn(), () => {})();
  });

  it("throws what the signal throws at the beginning", () => {
    const signal = signalWith({
      addEventListener() {
        throw REASON;
      },
    });
    assert.throws(() => onAbort(signal, () => {}), REASON);
  });

  it("throws the reason of a signal that is aborted at the beginning", () => {
    const signal = signalWith({
      reason: REASON,
      addEventListener: (_type: string, listener: () => void) => listener(),
    });
    assert.throws(() => onAbort(signal, () => assert.fail("it was called")), REASON);
  });

  it("gives the error of a signal that refuses to tell its reason", () => {
    let abort = () => {};
    const signal = signalWith({
      addEventListener: (_type: string, listener: () => void) => abort = listener,
    });
    Object.defineProperty(signal, "reason", {
      get() {
        throw REASON;
      },
    });
    const reasons: unknown[] = [];
    onAbort(signal, (reason) => reasons.push(reason));
    abort();
    assert.deepEqual(reasons, [REASON]);
  });
});

describe("A wait whose signal throws when it is told to end", () => {
  /** Checks that a waiter gets the lock that a holder releases, and that the lock is free then. */
  async function checkGrant(
    acquire: (options?: AcquireOptions) => Promise<{ release(): void }>,
    tryAcquire: () => { release(): void } | undefined,
  ): Promise<void> {
    for (const options of [{ signal: stubborn() }, { signal: stubborn(), timeout: 30_000 }]) {
      const held = tryAcquire();
      const wait = acquire(options);
      await sleep(5);
      held!.release();
      (await wait).release();
    }
    const free = tryAcquire();
    assert.ok(free, "it stays held");
    free.release();
    const held = tryAcquire();
    await assert.rejects(acquire({ signal: stubborn(), timeout: 5 }), { name: "TimeoutError" });
    held!.release();
  }

  it("is granted a mutex", () => {
    const mutex = Segment.anonymous().mutex("jobs");
    return checkGrant((options) => mutex.acquire(options), () => mutex.tryAcquire());
  });

  it("is granted a file lock", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      using other = new FileLock(path);
      await checkGrant((options) => lock.acquire(options), () => other.tryAcquire());
    }));

  it("writes a document", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "document.json");
      using file = new JsonFile<number>(path, { initial: 1 });
      using lock = new FileLock(`${path}.lock`);
      const held = lock.acquireSync();
      const written = file.write(2, { signal: stubborn() });
      await sleep(5);
      held.release();
      assert.equal(await written, 2);
    }));

  it("sees a flag, and a timeout", async () => {
    const flag = Segment.anonymous().flag("stop");
    await assert.rejects(flag.wait({ signal: stubborn(), timeout: 5 }), { name: "TimeoutError" });
    const wait = flag.wait({ signal: stubborn() });
    flag.set();
    await wait;
  });
});

describe("A wait whose signal throws after the grant", () => {
  it("leaves a file lock free", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      using other = new FileLock(path);
      const held = other.acquireSync();
      let isGranted = false;
      const look = () => {
        if (isGranted) throw REASON;
      };
      const signal = signalWith({ throwIfAborted: look });
      Object.defineProperty(signal, "aborted", {
        get() {
          look();
          return false;
        },
      });
      const wait = lock.acquire({ signal });
      await sleep(5);
      isGranted = true;
      held.release();
      await assert.rejects(wait, REASON);
      other.acquireSync({ timeout: 30_000 }).release();
    }));
});
