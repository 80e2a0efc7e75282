import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { SegmentFormatError } from "../../src/contract/mod.ts";
import { HEADER, newHeader, SLOT, SLOTS } from "../../src/memory/layout.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { AtomicCounter, Memory, type MemoryHandle, Mutex, RawValue } from "../../src/memory/mod.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { assertOffsets, itInBoth } from "./fixtures/both_memories.ts";

const PAGE = 65536;
const WRONG_LENGTHS = [0, -1, 0.5, NaN, Infinity];

const withCode = (code: string) => (error: unknown) =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code;

describe("Memory", () => {
  it("has at least the given size, and begins as zeros", () =>
    inScratchFolder((folder) => {
      for (const asked of [1, 128, PAGE, PAGE + 1]) {
        const mapped = Memory.map(join(folder, `memory${asked}`), asked);
        for (const memory of [Memory.anonymous(asked), mapped]) {
          assert.ok(memory.size >= asked && memory.size < asked + PAGE);
          const bytes = new Uint8Array(
            regionOf(memory).buffer,
            regionOf(memory).resolve(0, 1, 1),
            memory.size,
          );
          assert.equal(bytes.every((byte) => byte === 0), true);
        }
        mapped.close();
      }
    }));

  it("is mapped by a path that is a string, a URL or bytes", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      using memory = Memory.map(path, 1);
      new AtomicCounter(memory, 0).add(7);
      for (const form of [pathToFileURL(path), new TextEncoder().encode(path)]) {
        using again = Memory.map(form);
        assert.equal(again.id, memory.id);
        assert.equal(new AtomicCounter(again, 0).value, 7);
      }
      for (const wrong of ["", `${path}/`, pathToFileURL(path).href]) {
        assert.throws(() => Memory.map(wrong, 1), TypeError);
      }
    }));

  it("has only the documented members", () => {
    const members = Object.getOwnPropertyNames(Memory.prototype).sort();
    const expected = [
      "close",
      "closed",
      "constructor",
      "handle",
      "id",
      "recovery",
      "size",
      "slots",
      "threads",
    ];
    assert.deepEqual(members, expected);
    assert.deepEqual(Reflect.ownKeys(Memory.anonymous(1)), []);
  });

  it("refuses a size that is not a positive whole number", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      for (const length of WRONG_LENGTHS) {
        assert.throws(() => Memory.anonymous(length), RangeError, String(length));
        assert.throws(() => Memory.map(path, length), RangeError, String(length));
      }
      assert.equal(existsSync(path), false);
    }));

  it("resolves offsets inside of it, and none of its header", () => {
    assertOffsets((memory, offset) => regionOf(memory).resolve(offset, 8, 8), 8, 8);
    const memory = Memory.anonymous(1);
    const { size } = memory;
    assert.equal(regionOf(memory).resolve(256, 4, 4) - regionOf(memory).resolve(0, 4, 4), 256);
    assert.throws(() => regionOf(memory).resolve(0, size + 1, 1), RangeError);
    assert.equal(regionOf(memory).resolve(0, size, 1), regionOf(memory).base + HEADER.end);
  });

  itInBoth("has one slot for a thread, until its last object is closed", (memory, again) => {
    const { identity, threads } = attachmentOf(memory);
    assert.ok(Number.isInteger(identity) && identity > 0 && identity < 2 ** 30);
    const all = [again(), again(), again()];
    for (const memory of all) assert.equal(attachmentOf(memory).identity, identity);
    const used = () => threads.list().length;
    assert.equal(used(), 1);
    for (const memory of all) memory.close();
    assert.deepEqual([used(), attachmentOf(memory).identity], [1, identity]);
    const other = again();
    void attachmentOf(other).identity;
    memory.close();
    assert.equal(attachmentOf(other).threads.list().length, 1);
    new Mutex(other, 0).acquireSync().release();
    other.close();
  });

  itInBoth("repeats no identity, and uses each slot", (memory, again) => {
    const { threads, thread, identity: mine } = attachmentOf(memory);
    const seen = new Set([mine]);
    const claim = () => {
      const identity = threads.claim(thread, true);
      assert.equal(seen.has(identity), false, "an identity was repeated");
      seen.add(identity);
      return identity;
    };
    for (let i = 0; i < 2 * SLOTS; i++) threads.free(claim());
    const open = Array.from({ length: SLOTS - 1 }, claim);
    assert.throws(claim, /1023 threads/);
    threads.free(open[0]);
    assert.ok(claim() > 0);
    assert.equal(attachmentOf(again()).identity, mine);
  });

  itInBoth("reuses the slot of a dead thread when no lock word names it", (memory) => {
    const { atomics, base } = regionOf(memory);
    const { threads, thread } = attachmentOf(memory);
    const claim = () => threads.claim(thread, true);
    const gone = claim();
    const mutex = new Mutex(memory, 0);
    const place = base + HEADER.firstSlot + ((gone & SLOTS) - 1) * SLOT.bytes;
    atomics.store32(place + SLOT.startTime, 1); // No living thread has started then.
    atomics.store32(regionOf(memory).resolve(0, 4, 4), gone);
    for (let i = 0; i < SLOTS - 2; i++) claim();
    assert.throws(claim, RangeError, "a slot that a lock names was reused");
    using guard = mutex.acquireSync();
    assert.equal(guard.recovered, true);
    const identity = claim();
    assert.equal(identity & SLOTS, gone & SLOTS);
    assert.notEqual(identity, gone);
  });

  it("reuses the slot of a process that died before it had an identity", () =>
    inScratchFolder((folder) => {
      using memory = Memory.map(join(folder, "memory"), 1);
      const { atomics, base } = regionOf(memory);
      for (let slot = 1; slot <= SLOTS; slot++) {
        const claim = base + HEADER.firstSlot + (slot - 1) * SLOT.bytes + SLOT.claim;
        atomics.compareExchange32(claim, 0, 1);
      }
      const { threads, thread, identity } = attachmentOf(memory);
      assert.notEqual(threads.claim(thread, true), identity);
    }));

  itInBoth("wakes without sleepers, and sleeps for a bounded time", (memory) => {
    const at = regionOf(memory).resolve(0, 4, 4);
    regionOf(memory).wake(at, 1);
    regionOf(memory).wait(at, 1);
    for (const milliseconds of [0, 1, -1, 1e9, Infinity, undefined]) {
      regionOf(memory).wait(at, 0, milliseconds);
    }
  });

  itInBoth("that was closed refuses everything, and so do the things in it", (memory, again) => {
    const opened = again();
    const counter = new AtomicCounter(opened, 0);
    counter.add(3);
    const place = regionOf(opened).resolve(0, 4, 4);
    opened.close();
    opened.close();
    opened[Symbol.dispose]();
    assert.equal(opened.closed, true);
    const uses = [
      () => counter.add(),
      () => counter.value,
      () => regionOf(opened).wait(place, 0),
      () => regionOf(opened).wake(place, 1),
      () => regionOf(opened).resolve(0, 4, 4),
      () => new AtomicCounter(opened, 0),
      () => new Mutex(opened, 0),
    ];
    for (const use of uses) assert.throws(use, TypeError);
    assert.equal(new AtomicCounter(memory, 0).value, 3);
  });
});

describe("Anonymous memory", () => {
  it("is opened by its handle", () => {
    const memory = Memory.anonymous(2 * PAGE);
    const again = Memory.from(memory.handle!);
    assert.equal(again.size, memory.size);
    new RawValue(memory, 8).value = 5;
    assert.equal(new RawValue(again, 8).value, 5);
    assert.equal(again.handle, memory.handle);
  });

  it("is opened only by its handle", () => {
    const wrong = [undefined, null, 1, "x", {}, new ArrayBuffer(PAGE), new SharedArrayBuffer(0)];
    wrong.push(new SharedArrayBuffer(100), new Uint8Array(new SharedArrayBuffer(PAGE)));
    wrong.push(new SharedArrayBuffer(2 * PAGE));
    for (const handle of wrong as MemoryHandle[]) {
      assert.throws(() => Memory.from(handle), TypeError);
    }
  });
});

describe("A mapped file", () => {
  it("is created for its user alone, with its header", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      Memory.map(path, PAGE + 1).close();
      const { size, mode, blocks } = statSync(path);
      assert.equal(size, 6 * PAGE);
      assert.equal(mode & 0o777, 0o600);
      assert.ok(blocks * 512 >= size, "its space is not reserved");
      assert.deepEqual([...readFileSync(path).subarray(0, 32)], [...newHeader(size)].slice(0, 32));
    }));

  it("keeps its contents from one mapping to the next", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      for (let i = 0; i < 5; i++) {
        const memory = Memory.map(path, 1);
        assert.equal(new AtomicCounter(memory, 0).fetchAdd(), i);
        memory[Symbol.dispose]();
      }
      assert.equal(readFileSync(path)[HEADER.end], 5);
    }));

  it("is opened, created, or either, as asked for", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      assert.throws(() => Memory.map(path, 1, { create: false }), withCode("ENOENT"));
      assert.throws(() => Memory.map(path), TypeError);
      Memory.map(path, 1, { create: "exclusive" }).close();
      assert.throws(() => Memory.map(path, 1, { create: "exclusive" }), withCode("EEXIST"));
      Memory.map(path, 1, { create: false }).close();
      Memory.map(path).close();
      const { size } = Memory.map(path);
      Memory.map(path, size).close();
      using longer = Memory.map(path, size + 1);
      assert.ok(longer.size > size);
      assert.equal(Memory.map(path).size, longer.size);
    }));

  it("has no handle to post", () =>
    inScratchFolder((folder) => {
      const memory = Memory.map(join(folder, "memory"), 1);
      assert.equal(memory.handle, undefined);
      memory.close();
    }));

  it("that was closed does not write to the next mapping", () =>
    inScratchFolder((folder) => {
      const first = Memory.map(join(folder, "first"), 1);
      const stale = new AtomicCounter(first, 0);
      first.close();
      const second = Memory.map(join(folder, "second"), 1);
      assert.throws(() => stale.add(5), TypeError);
      assert.equal(new AtomicCounter(second, 0).value, 0);
      second.close();
    }));

  it("is refused at a path where it cannot be", () =>
    inScratchFolder((folder) => {
      const target = join(folder, "target");
      writeFileSync(target, "");
      symlinkSync(target, join(folder, "link"));
      mkdirSync(join(folder, "folder"));
      execFileSync("mkfifo", [join(folder, "pipe")]);
      assert.throws(() => Memory.map(join(folder, "folder"), 1), withCode("EISDIR"));
      assert.throws(() => Memory.map(join(folder, "link"), 1), withCode("ELOOP"));
      assert.throws(() => Memory.map(join(folder, "none", "memory"), 1), withCode("ENOENT"));
      assert.throws(() => Memory.map(join(folder, "pipe"), 1), SegmentFormatError);
      assert.throws(() => Memory.map("/dev/null", 1), SegmentFormatError);
      for (const path of ["", "a\0b", undefined as unknown as string]) {
        assert.throws(() => Memory.map(path, 1), TypeError);
      }
      assert.equal(statSync(target).size, 0);
    }));

  it("is refused, and not changed, if it cannot be trusted", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      Memory.map(path, 2 * PAGE).close();
      const good = readFileSync(path);
      const changed = (at: number, value: number) => {
        const bytes = new Uint8Array(good);
        new DataView(bytes.buffer).setUint32(at, value, true);
        return bytes;
      };
      const cases: [string, Uint8Array, RegExp][] = [
        ["empty", new Uint8Array(), /has 0 bytes/],
        ["of somebody else", new Uint8Array(2 * PAGE).fill(65), /INTRLOCK/],
        ["of zeros", new Uint8Array(2 * PAGE), /INTRLOCK/],
        ["truncated", good.subarray(0, PAGE), /has 65536 bytes/],
        ["shorter", good.subarray(0, good.length - PAGE), /header says/],
        ["newer", changed(HEADER.version, 7), /version 7.*newer/],
        ["older", changed(HEADER.version, 1).subarray(0, 2 * PAGE), /version 1.*older.*remove it/],
        ["damaged", changed(HEADER.slots, 9), /damaged/],
        ["damaged in its checksum", changed(HEADER.checksum, 9), /damaged/],
      ];
      for (const [what, bytes, says] of cases) {
        writeFileSync(path, bytes);
        assert.throws(
          () => Memory.map(path, 1),
          (error) => error instanceof SegmentFormatError && says.test(error.message),
          what,
        );
        assert.equal(readFileSync(path).equals(bytes), true, what);
      }
      writeFileSync(path, good);
      chmodSync(path, 0o640);
      assert.throws(() => Memory.map(path, 1), /other users can use it/);
      chmodSync(path, 0o600);
      Memory.map(path, 1).close();
    }));

  it("after a reboot keeps its values, and its locks are free", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      const before = Memory.map(path, 1);
      new Mutex(before, 0).lock();
      new AtomicCounter(before, 128).add(42);
      const bytes = readFileSync(path);
      const slot = HEADER.firstSlot + ((attachmentOf(before).identity & SLOTS) - 1) * SLOT.bytes;
      for (const at of [HEADER.boot, slot + SLOT.boot]) bytes.fill(7, at, at + 16);
      bytes.writeInt32LE(1, slot + SLOT.startTime); // Another thread has its number now.
      const later = join(folder, "later");
      writeFileSync(later, bytes, { mode: 0o600 });
      for (const recovered of [true, false]) {
        const memory = Memory.map(later, 1);
        assert.equal(new AtomicCounter(memory, 128).value, 42);
        const guard = new Mutex(memory, 0).tryAcquire();
        assert.equal(guard?.recovered, recovered);
        guard!.release();
        memory.close();
      }
    }));

  it("under another boot id is not changed while a thread that has it open lives", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "memory");
      const holder = Memory.map(path, 1);
      new Mutex(holder, 0).lock();
      const bytes = readFileSync(path);
      bytes.fill(7, HEADER.boot, HEADER.boot + 16);
      writeFileSync(path, bytes);
      using memory = Memory.map(path, 1);
      assert.equal(new Mutex(memory, 0).tryAcquire(), undefined);
      const boot = readFileSync(path).subarray(HEADER.boot, HEADER.boot + 16);
      assert.equal(boot.every((byte) => byte === 7), true, "the header was changed");
    }));
});
