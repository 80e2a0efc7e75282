import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  adapter,
  closeFile,
  mapFile,
  type Mapping,
  O_RDONLY,
  openFile,
  openRegularFile,
  PAGE,
  reserve,
  unmap,
} from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

function map(path: string, byteLength = PAGE): Mapping {
  const fd = openRegularFile(path);
  try {
    reserve(fd, path, byteLength);
    return mapFile(fd, path, byteLength);
  } finally {
    closeFile(fd);
  }
}

const bytesOf = ({ buffer, base }: Mapping, byteLength = PAGE) =>
  new Uint8Array(buffer, base, byteLength);

describe("A mapping", () => {
  it("shows the file, and writes go to the file", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, "was here");
      const mapping = map(path);
      const bytes = bytesOf(mapping);
      assert.equal(new TextDecoder().decode(bytes.slice(0, 8)), "was here");
      assert.equal(bytes[8], 0);
      bytes[PAGE - 1] = 42;
      assert.equal(readFileSync(path)[PAGE - 1], 42);
      const fd = openSync(path, "r+");
      writeSync(fd, new Uint8Array([7]), 0, 1, 100);
      closeSync(fd);
      assert.equal(Atomics.load(bytes, 100), 7);
      unmap(mapping, PAGE);
    }));

  it("is aligned and knows its address", () =>
    inScratchFolder((folder) => {
      const mapping = map(join(folder, "file"));
      assert.ok(Number.isSafeInteger(mapping.address) && mapping.address > 0);
      assert.equal(mapping.address % 4096, 0);
      assert.equal(mapping.base % PAGE, 0);
      assert.ok(mapping.buffer.byteLength >= mapping.base + PAGE);
      unmap(mapping, PAGE);
    }));

  it("is shared with a second mapping of the file, and with that of no other file", () =>
    inScratchFolder((folder) => {
      const length = 2 * PAGE;
      const [first, second] = [0, 0].map(() => map(join(folder, "file"), length));
      const stranger = map(join(folder, "other"), length);
      bytesOf(first, length)[PAGE + 5] = 1;
      assert.equal(Atomics.load(bytesOf(second, length), PAGE + 5), 1);
      assert.equal(Atomics.load(bytesOf(stranger, length), PAGE + 5), 0);
      bytesOf(second, length)[PAGE + 5] = 2;
      assert.equal(Atomics.load(bytesOf(first, length), PAGE + 5), 2);
      for (const mapping of [first, second, stranger]) unmap(mapping, length);
    }));

  it("leaves the file unchanged when it ends, and its views harmless", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      const mapping = map(path);
      const bytes = bytesOf(mapping);
      bytes[0] = 11;
      unmap(mapping, PAGE);
      assert.equal(readFileSync(path)[0], 11);
      assert.equal(Atomics.load(bytes, 0), 0);
      bytes[0] = 12;
      assert.equal(readFileSync(path)[0], 11);
    }));

  it("shows its own file at the address of one that ended", () =>
    inScratchFolder((folder) => {
      for (let i = 1; i <= 50; i++) {
        const path = join(folder, `file${i % 3}`);
        writeFileSync(path, new Uint8Array(PAGE).fill(i));
        const mapping = map(path);
        const bytes = bytesOf(mapping);
        assert.deepEqual([bytes[0], bytes[PAGE - 1]], [i, i]);
        bytes[1] = 255;
        unmap(mapping, PAGE);
        assert.deepEqual([...readFileSync(path).subarray(0, 3)], [i, 255, i]);
      }
    }));

  it("frees its room: more can be made one by one than fit at once", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, new Uint8Array([9]));
      const length = 6144 * PAGE;
      for (let i = 0; i < 8; i++) {
        const fd = openRegularFile(path);
        const mapping = mapFile(fd, path, length);
        closeFile(fd);
        assert.equal(bytesOf(mapping, length)[0], 9);
        unmap(mapping, length);
      }
    }));

  if (adapter.mapping === "plain") { // The others map into an arena.
    it("gives its range to a later one when no view of it is left, and not before", () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "file");
        writeFileSync(path, new Uint8Array(PAGE).fill(9));
        const { Bun } = globalThis as unknown as { Bun: { gc(force: boolean): void } };
        const endedOne = (): [address: number, bytes: Uint8Array] => {
          const mapping = map(path);
          unmap(mapping, PAGE);
          return [mapping.address, bytesOf(mapping)];
        };
        const [kept, bytes] = endedOne();
        const seen = new Map<number, number>();
        const round = () => {
          Bun.gc(true);
          const [address] = endedOne();
          const times = (seen.get(address) ?? 0) + 1;
          seen.set(address, times);
          return times;
        };
        await until("a range is used for the third time", () => round() >= 3);
        assert.equal(seen.has(kept), false, "a range that a view shows was used again");
        assert.equal(Atomics.load(bytes, 0), 0);
      }));
  }

  it("of a read-only file is refused, however often it is tried", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "file");
      writeFileSync(path, new Uint8Array(PAGE));
      const fd = openFile(path, O_RDONLY);
      // More than the address space of a thread, if each try kept its part.
      const length = 6144 * PAGE;
      for (let i = 0; i < 4; i++) {
        assert.throws(
          () => mapFile(fd, path, length),
          (error) => (error as NodeJS.ErrnoException).code === "EACCES",
        );
      }
      closeFile(fd);
    }));
});
