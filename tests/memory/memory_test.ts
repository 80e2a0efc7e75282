import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AtomicCounter, Memory, type MemoryHandle, RawValue } from "../../src/memory/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { assertPlaces, itInBoth, RESERVED } from "./fixtures/places.ts";

const PAGE = 65536;
const WRONG_LENGTHS = [0, -1, 0.5, NaN, Infinity, "1", undefined, null] as number[];

const withCode = (code: string) => (error: unknown) =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code;

describe("Memory", () => {
  it("is rounded up to pages and begins as zeros", () =>
    inScratchFolder((folder) => {
      for (const [asked, given] of [[1, PAGE], [PAGE, PAGE], [PAGE + 1, 2 * PAGE]]) {
        const mapped = Memory.map(join(folder, `memory${asked}`), asked);
        for (const memory of [Memory.anonymous(asked), mapped]) {
          assert.equal(memory.byteLength, given);
          const bytes = new Uint8Array(memory.buffer, memory.base, given);
          assert.equal(bytes.every((byte) => byte === 0), true);
        }
        mapped.close();
      }
    }));

  it("has a positive whole length", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      for (const length of WRONG_LENGTHS) {
        assert.throws(() => Memory.anonymous(length), RangeError, String(length));
        assert.throws(() => Memory.map(path, length), RangeError, String(length));
      }
      assert.equal(existsSync(path), false);
    }));

  it("gives out places within it, except its own last bytes", () => {
    assertPlaces((memory, offset) => memory.place(offset, 8, 8), 8, 8);
    const memory = Memory.anonymous(1);
    assert.equal(memory.place(256, 4, 4) - memory.place(0, 4, 4), 256);
    assert.throws(() => memory.place(0, PAGE - RESERVED + 1, 1), RangeError);
    const [first, last] = [memory.place(0, PAGE - RESERVED, 1), memory.place(PAGE - 129, 1, 1)];
    assert.ok(memory.base <= first && last < memory.base + PAGE);
  });

  itInBoth("gives each that opens it another identity, which stays", (memory, again) => {
    const all = [memory, again(), again(), again()];
    const identities = all.map(({ identity }) => identity);
    assert.equal(new Set(identities).size, all.length);
    assert.deepEqual(all.map(({ identity }) => identity), identities);
    for (const identity of identities) {
      assert.ok(Number.isInteger(identity) && identity > 0 && identity < 2 ** 31);
    }
  });

  itInBoth("gives an identity also after the last of them", (memory, again) => {
    // Wherever it keeps the last one that it gave out.
    const words = new Int32Array(memory.buffer, memory.base, memory.byteLength / 4);
    for (const last of [0x7ffffffe, 0x7fffffff, -2, -1]) {
      words.fill(last);
      const { identity } = again();
      assert.ok(identity > 0, `${identity} after ${last}`);
    }
  });

  itInBoth("wakes nobody where nobody sleeps, and sleeps for a bounded time", (memory) => {
    const at = memory.place(0, 4, 4);
    memory.wake(at, 1);
    memory.wait(at, 1);
    for (const milliseconds of [0, 1, -1, 1e9, Infinity, undefined]) {
      memory.wait(at, 0, milliseconds);
    }
  });
});

describe("Anonymous memory", () => {
  it("is opened by its handle", () => {
    const memory = Memory.anonymous(2 * PAGE);
    const again = Memory.from(memory.handle!);
    assert.equal(again.byteLength, memory.byteLength);
    new RawValue(memory, 8).value = 5;
    assert.equal(new RawValue(again, 8).value, 5);
    assert.equal(again.handle, memory.handle);
  });

  it("is opened by nothing else", () => {
    const wrong = [undefined, null, 1, "x", {}, new ArrayBuffer(PAGE), new SharedArrayBuffer(0)];
    wrong.push(new SharedArrayBuffer(100), new Uint8Array(new SharedArrayBuffer(PAGE)));
    for (const handle of wrong as MemoryHandle[]) {
      assert.throws(() => Memory.from(handle), TypeError);
    }
  });

  it("is not closed", () => {
    const memory = Memory.anonymous(1);
    const value = new RawValue(memory, 0);
    value.value = 3;
    memory.close();
    memory[Symbol.dispose]();
    assert.equal(value.value, 3);
    memory.wait(memory.place(0, 4, 4), 0);
  });
});

describe("A mapped file", () => {
  it("is made, for its user alone, as long as asked for", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      Memory.map(path, PAGE + 1).close();
      assert.equal(statSync(path).size, 2 * PAGE);
      assert.equal(statSync(path).mode & 0o777, 0o600);
    }));

  it("that is there keeps its contents, and is made longer where it is too short", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      writeFileSync(path, new Uint8Array(1000).fill(1));
      const memory = Memory.map(path, 1);
      assert.equal(statSync(path).size, PAGE);
      assert.equal(new RawValue(memory, 512).value, 0x01010101);
      assert.equal(new RawValue(memory, 1000).value, 0);
      memory.close();
    }));

  it("keeps what was written, from one mapping to the next", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      for (let i = 0; i < 5; i++) {
        const memory = Memory.map(path, 1);
        assert.equal(new AtomicCounter(memory, 0).fetchAdd(), i);
        memory[Symbol.dispose]();
      }
      assert.equal(readFileSync(path).includes(5), true);
    }));

  it("has no handle to post", () =>
    inScratchFolder((folder) => {
      const memory = Memory.map(join(folder, "memory"), 1);
      assert.equal(memory.handle, undefined);
      memory.close();
    }));

  it("that was closed is written no more, and refuses to wait", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      const memory = Memory.map(path, 1);
      const counter = new AtomicCounter(memory, 0);
      counter.add(3);
      const place = memory.place(0, 4, 4);
      const contents = readFileSync(path);
      memory.close();
      memory.close();
      assert.throws(() => counter.add(), TypeError);
      assert.equal(readFileSync(path).equals(contents), true);
      assert.throws(() => memory.wait(place, 0), TypeError);
      assert.throws(() => memory.wake(place, 1), TypeError);
    }));

  it("that was closed does not write to the one mapped after it", () =>
    inScratchFolder((folder) => {
      const first = Memory.map(join(folder, "first"), 1);
      const stale = new AtomicCounter(first, 0);
      first.close();
      const second = Memory.map(join(folder, "second"), 1);
      assert.throws(() => stale.add(5), TypeError);
      assert.equal(new AtomicCounter(second, 0).value, 0);
      second.close();
    }));

  it("has identities of its own for each, also where they map different lengths", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      const memories: Memory[] = [];
      try {
        for (const length of [1, 2 * PAGE, PAGE, 3 * PAGE]) memories.push(Memory.map(path, length));
      } catch (error) {
        assert.ok(error instanceof RangeError); // To refuse another length is as good.
      }
      assert.equal(new Set(memories.map(({ identity }) => identity)).size, memories.length);
      for (const memory of memories) memory.close();
    }));

  it("is not where it may not be", () =>
    inScratchFolder((folder) => {
      const target = join(folder, "target");
      writeFileSync(target, "");
      symlinkSync(target, join(folder, "link"));
      assert.throws(() => Memory.map(folder, 1), withCode("EISDIR"));
      assert.throws(() => Memory.map(join(folder, "link"), 1), withCode("ELOOP"));
      assert.throws(() => Memory.map(join(folder, "none", "memory"), 1), withCode("ENOENT"));
      for (const path of ["", "a\0b", "/dev/null", undefined as unknown as string]) {
        assert.throws(() => Memory.map(path, 1), TypeError);
      }
      assert.equal(statSync(target).size, 0);
    }));
});
