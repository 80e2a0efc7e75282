import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { attachmentOf } from "../../src/memory/memory.ts";
import { Memory, Mutex } from "../../src/memory/mod.ts";
import { HeldLocks } from "../../src/memory/held_locks.ts";
import { collected } from "../support/collected.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { itInBoth } from "./fixtures/both_memories.ts";

describe("The locks of a memory", () => {
  itInBoth("keep it open by the objects that hold them, and by no others", (memory, again) => {
    const other = again();
    const mutexes = [0, 128].map((offset) => new Mutex(memory, offset));
    const guard = mutexes[0].acquireSync();
    mutexes[1].lock();
    new Mutex(other, 0);
    assert.throws(() => memory.close(), /holds 2 of its locks/);
    other.close(); // The holds are those of the other object.
    mutexes[1].unlock();
    assert.throws(() => memory.close(), /holds 1 of its locks/);
    guard.release();
    memory.close();
  });

  it("are not kept alive by the memory", async () => {
    const memory = Memory.anonymous(1);
    const refs: WeakRef<Mutex>[] = [];
    (() => {
      for (let i = 0; i < 1000; i++) refs.push(new WeakRef(new Mutex(memory, 0)));
    })();
    await collected(() => refs.filter((ref) => ref.deref() !== undefined).length < 500);
    memory.close();
  });

  it("keep it open if they were collected while they were held", async () => {
    const memory = Memory.anonymous(1);
    const { region } = attachmentOf(memory);
    let ref: WeakRef<Mutex> | undefined;
    (() => {
      const mutex = new Mutex(memory, 0);
      mutex.lock();
      ref = new WeakRef(mutex);
    })();
    await collected(() => ref!.deref() === undefined);
    const again = Memory.from(memory.handle!);
    void attachmentOf(again).identity;
    memory.close(); // The other object can tell later.
    assert.throws(() => again.close(), /holds 1 of its locks/);
    region.atomics = attachmentOf(again).region.atomics;
    region.atomics.store32(attachmentOf(again).region.resolve(0, 4, 4), 0);
    again.close();
  });

  it("do not keep it open if they were collected, and another object released them", () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "memory");
      const short = Memory.map(path, 1);
      const long = Memory.map(path, 2 ** 20);
      const far = long.size - 128;
      const holder = new Mutex(long, far);
      holder.lock();
      const dropped = (() => new WeakRef(new Mutex(long, far)))();
      await collected(() => dropped.deref() === undefined);
      assert.throws(() => long.close(), /holds 1 of its locks/);
      holder.unlock();
      long.close();
      short.close();
    }));

  it("are forgotten when there are many that were collected", async () => {
    const held = new Set<number>();
    const dropped = new Set<number>();
    const locks = new HeldLocks(dropped, (offset) => held.has(offset));
    const add = (offset: number) => {
      const lock = { held: false };
      locks.add(lock, offset);
      return new WeakRef(lock);
    };
    const refs = Array.from({ length: 500 }, (_, i) => add(i));
    held.add(7);
    await collected(() => refs.every((ref) => ref.deref() === undefined));
    assert.deepEqual([...locks.offsets()], []);
    assert.deepEqual([...dropped], [7]);
  });
});
