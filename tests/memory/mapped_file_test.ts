import assert from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { HEADER, LIFE_BYTES, SLOT } from "../../src/memory/layout.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { AtomicCounter, Memory, Mutex } from "../../src/memory/mod.ts";
import { lookAtByte } from "../../src/runtime/file_locks/byte_lock.ts";
import { closeFile, O_RDONLY, openFile, PAGE } from "../../src/runtime/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

/** Asks, as another process would, for the life byte of an identity. */
function byteIn(path: string, identity: number): string | undefined {
  const fd = openFile(path, O_RDONLY);
  try {
    return lookAtByte(fd, LIFE_BYTES + identity);
  } finally {
    closeFile(fd);
  }
}

describe("The file of a memory", () => {
  it("is mapped once for all objects of a thread", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      const [one, other] = [0, 0].map(() => Memory.map(path, 1));
      assert.equal(regionOf(one).addressOf(0), regionOf(other).addressOf(0));
      const counter = new AtomicCounter(other, 0);
      one.close();
      assert.throws(() => regionOf(one).resolve(0, 4, 4), TypeError);
      counter.add();
      assert.equal(counter.value, 1);
      other.close();
      using third = Memory.map(path, 1);
      assert.equal(new AtomicCounter(third, 0).value, 1);
    }));

  it("has the life byte of a thread locked until its last object is closed", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      const first = Memory.map(path, 1);
      const { identity } = attachmentOf(first);
      const { atomics, base } = regionOf(first);
      const slot = base + HEADER.firstSlot + ((identity & 1023) - 1) * SLOT.bytes;
      assert.equal(atomics.load32(slot + SLOT.byte), identity);
      const longer = Memory.map(path, 4 * PAGE);
      assert.ok(longer.size > first.size, "the file has not grown");
      assert.equal(attachmentOf(longer).identity, identity);
      for (const memory of [first, longer]) {
        assert.equal(byteIn(path, identity), "held");
        new Mutex(memory, 128).acquireSync().release();
        memory.close();
      }
      assert.equal(byteIn(path, identity), "free");
      using next = Memory.map(path, 1);
      const { identity: another } = attachmentOf(next);
      assert.notEqual(another, identity);
      assert.deepEqual([identity, another].map((one) => byteIn(path, one)), ["free", "held"]);
    }));

  it("tells of life bytes only if the same file is still there", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      using memory = Memory.map(path, 1);
      const { identity, region: { file } } = attachmentOf(memory);
      const look = () => [identity, 5].map((one) => file!.lookAtLifeByte(one));
      const unknown = [undefined, undefined];
      assert.deepEqual(look(), ["held", "free"]);
      renameSync(path, `${path}.away`);
      assert.deepEqual(look(), unknown, "the file is missing");
      Memory.map(path, 1).close();
      assert.deepEqual(look(), unknown, "another file is there");
      rmSync(path);
      renameSync(`${path}.away`, path);
      assert.deepEqual(look(), ["held", "free"]);
      rmSync(path);
    }));
});
