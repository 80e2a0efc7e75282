import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { AtomicOperations } from "../../src/memory/atomic_operations.ts";
import { HEADER, SLOT, SLOTS } from "../../src/memory/layout.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import {
  defineRecord,
  Memory,
  Mutex,
  Segment,
  SharedArray,
  SharedValue,
} from "../../src/memory/mod.ts";
import { Child } from "../support/child.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const LIMIT = { timeout: 60_000 };
const OPENING = new URL("./fixtures/opening_process.ts", import.meta.url);
const Pair = defineRecord({ a: "Int32", b: "Int32" });

/** Calls `happen` before each atomic operation on a memory, as another thread might. */
function betweenSteps(memory: Memory, happen: () => void): void {
  const region = regionOf(memory);
  const { atomics } = region;
  region.atomics = new Proxy({} as AtomicOperations, {
    get: (_, name: keyof AtomicOperations) => (...args: never[]) => {
      happen();
      return (atomics[name] as (...args: never[]) => unknown)(...args);
    },
  });
}

/** Makes the thread of an identity a dead one: no living thread has started then. */
function forgeDeath(memory: Memory, identity: number): void {
  const { atomics, base } = regionOf(memory);
  const slot = base + HEADER.firstSlot + ((identity & SLOTS) - 1) * SLOT.bytes;
  for (const half of [4, 0]) atomics.store32(slot + SLOT.startTime + half, half === 0 ? 1 : 0);
}

/** Fills all slots with living threads, but that of a dead one. */
function fill(segment: Segment): void {
  for (let i = 0; i < SLOTS - 2; i++) {
    void attachmentOf(Memory.from(segment.memory.handle!)).identity;
  }
}

const LOCKS: Readonly<Record<string, (segment: Segment) => Mutex>> = {
  mutex: (segment) => segment.mutex("lock"),
  value: (segment) => segment.value("lock", "Float64").mutex,
  array: (segment) => segment.array("lock", 3).mutex,
  record: (segment) => segment.record("lock", Pair).mutex,
  "seqlock record": (segment) => segment.seqlockRecord("lock", Pair).mutex,
  "mutex at an offset": ({ memory }) => new Mutex(memory, memory.size - 128),
  "value at an offset": ({ memory }) => new SharedValue(memory, memory.size - 256).mutex,
  "array at an offset": ({ memory }) => new SharedArray(memory, 4096, 9, "Int8").mutex,
};

describe("A slot of a memory", () => {
  it("is not freed by an identity that it no longer has", () => {
    const { threads, region: { atomics, base } } = attachmentOf(Memory.anonymous(64));
    const claim = () => {
      atomics.store32(base + HEADER.search, 0); // Each search begins at the same slot.
      return threads.claim(undefined, false);
    };
    const first = claim();
    threads.free(first);
    const next = claim();
    assert.equal(next & SLOTS, first & SLOTS);
    threads.free(first);
    assert.notEqual(claim() & SLOTS, next & SLOTS, "two threads got it");
  });

  it(
    "never belongs to two threads, even if one claims it while it is freed",
    LIMIT,
    () =>
      inScratchFolder((folder) => {
        const path = join(folder, "memory");
        const all = Array.from({ length: SLOTS }, () => Memory.map(path, 1));
        const open = () => {
          try {
            all.push(Memory.map(path, 1));
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
          }
        };
        const leaving = all.pop()!;
        betweenSteps(leaving, open);
        leaving.close();
        open();
        assert.equal(all.length, SLOTS);
        for (const { threads, identity } of all.map((memory) => attachmentOf(memory))) {
          assert.notEqual(threads.describe(identity), undefined, "another thread has it as well");
        }
        for (const memory of all) memory.close();
      }),
  );

  it(
    "of a dead thread is reused, even if data in the memory look like its identity",
    LIMIT,
    () =>
      inScratchFolder(async (directory) => {
        const open = () => Segment.open("data", { directory });
        {
          using segment = open();
          const array = segment.rawArray("raw", 2048);
          const { raw } = segment.array("array", 2048);
          for (let i = 0; i < 2048; i++) for (const one of [array, raw]) one.set(i, 1000 + i);
        }
        {
          await using child = Child.here(OPENING, join(directory, "data"), String(SLOTS));
          await child.line();
        }
        for (let i = 0; i < 3; i++) {
          using segment = open();
          using other = open();
          assert.equal(segment.rawArray("raw", 2048).get(7), 1007);
          assert.notEqual(
            attachmentOf(other.memory).identity,
            attachmentOf(segment.memory).identity,
          );
        }
      }),
  );

  for (const [kind, lockOf] of Object.entries(LOCKS)) {
    it(`of a dead thread is kept while a ${kind} names it`, LIMIT, () => {
      const segment = Segment.anonymous();
      const dead = Segment.from(segment.handle);
      lockOf(dead).lock();
      const lock = lockOf(segment);
      forgeDeath(segment.memory, attachmentOf(dead.memory).identity);
      fill(segment);
      const another = () => attachmentOf(Memory.from(segment.memory.handle!)).identity;
      assert.throws(another, /1022 threads.*its locks name 1 dead threads/);
      using guard = lock.acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
      assert.equal(another() & SLOTS, attachmentOf(dead.memory).identity & SLOTS);
    });
  }

  it(
    "of a dead thread is kept while any word names it, if locks may be at offsets",
    LIMIT,
    () => {
      // As in a file from before the header had this word.
      const segment = Segment.anonymous();
      const { handle } = segment.memory;
      const { atomics, base } = regionOf(segment.memory);
      atomics.store32(base + HEADER.directoryOnly, 0);
      const dead = attachmentOf(Memory.from(handle!)).identity;
      const array = segment.rawArray("data", 9);
      array.set(3, dead);
      forgeDeath(segment.memory, dead);
      fill(segment);
      void attachmentOf(segment.memory).identity;
      assert.throws(() => attachmentOf(Memory.from(handle!)).identity, RangeError);
      array.set(3, 0);
      assert.ok(attachmentOf(Memory.from(handle!)).identity > 0);
    },
  );
});
