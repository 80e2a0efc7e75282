import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Memory, Mutex } from "../../src/memory/mod.ts";
import { describeLock } from "../contract/describe_lock.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { mappedLock } from "./fixtures/mapped_lock.ts";

describeLock("Mutex in anonymous memory", () => {
  const memory = Memory.anonymous(128);
  const handle = memory.handle!;
  return {
    lock: new Mutex(memory, 0),
    other: new Mutex(Memory.from(handle), 0),
    shared: { kind: "mutex", handle },
    close: () => {},
  };
}, 20_000);

describeLock("Mutex in a mapped file", mappedLock, 20_000);

describe("Mutex", () => {
  it("is placed on a word inside of the memory", () => {
    const memory = Memory.anonymous(1);
    for (const offset of [-4, 1, 2, 0.5, NaN, 65536 - 128, 2 ** 40]) {
      assert.throws(() => new Mutex(memory, offset), RangeError, String(offset));
    }
    new Mutex(memory, 65536 - 128 - 4).acquireSync().release();
  });

  it("says who holds it", () => {
    const memory = Memory.anonymous(128);
    const other = Memory.from(memory.handle!);
    const mutex = new Mutex(memory, 0);
    assert.equal(mutex.owner(), undefined);
    const guard = mutex.acquireSync();
    assert.equal(mutex.owner(), memory.identity);
    assert.equal(new Mutex(other, 0).owner(), memory.identity);
    assert.notEqual(other.identity, memory.identity);
    guard.release();
    assert.equal(mutex.owner(), undefined);
  });

  it("names the holder when it refuses or gives up", () => {
    const memory = Memory.anonymous(128);
    const mutex = new Mutex(memory, 0);
    const other = new Mutex(Memory.from(memory.handle!), 0);
    const holder = new RegExp(`thread ${memory.identity} `);
    assert.throws(() => other.unlock(), /free/);
    mutex.lock();
    assert.throws(() => other.unlock(), holder);
    assert.throws(() => other.acquireSync({ timeout: 1 }), holder);
    // A waiter has marked the word by now, and gave up.
    assert.equal(mutex.owner(), memory.identity);
    mutex.unlock();
    assert.equal(mutex.owner(), undefined);
  });

  it("is another lock at another offset", () => {
    const memory = Memory.anonymous(256);
    const first = new Mutex(memory, 0).acquireSync();
    const second = new Mutex(memory, Mutex.BYTES).acquireSync();
    second.release();
    first.release();
  });

  it("lies in the file: whoever maps it next finds it held", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      const first = Memory.map(path, 1);
      new Mutex(first, 0).lock();
      const second = Memory.map(path, 1);
      assert.equal(new Mutex(second, 0).owner(), first.identity);
      assert.equal(new Mutex(second, 0).tryAcquire(), undefined);
      first.close();
      second.close();
    }));
});
