import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { RawLock } from "../../src/contract/mod.ts";
import type { AtomicOperations } from "../../src/memory/atomic_operations.ts";
import { HEADER, RW_LOCK, SLOT, SLOTS } from "../../src/memory/layout.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import {
  defineRecord,
  Memory,
  Mutex,
  Segment,
  SharedArray,
  SharedValue,
} from "../../src/memory/mod.ts";
import { permitLock } from "../contract/shared_lock.ts";
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

/** Claims one more slot for this thread. */
function claimIn(memory: Memory): number {
  const { threads, thread } = attachmentOf(memory);
  return threads.claim(thread, true);
}

/** Fills all slots with living threads, but that of a dead one. */
function fill(memory: Memory): void {
  for (let i = 0; i < SLOTS - 2; i++) claimIn(memory);
}

type HeldLock = Pick<RawLock, "lock" | "unlock" | "acquireSync">;

const LOCKS: Readonly<Record<string, (segment: Segment) => HeldLock>> = {
  mutex: (segment) => segment.mutex("lock"),
  value: (segment) => segment.value("lock", "Float64").mutex,
  array: (segment) => segment.array("lock", 3).mutex,
  record: (segment) => segment.record("lock", Pair).mutex,
  "seqlock record": (segment) => segment.seqlockRecord("lock", Pair).mutex,
  semaphore: (segment) => {
    segment.semaphore("permit", { permits: 1 });
    return permitLock(segment.memory, 128);
  },
  "mutex in an array without a lock": (segment) => {
    segment.rawArray("array", 64);
    return new Mutex(segment.memory, 128);
  },
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
        using memory = Memory.map(path, 1);
        const { threads, identity } = attachmentOf(memory);
        const all = [identity, ...Array.from({ length: SLOTS - 1 }, () => claimIn(memory))];
        const claim = () => {
          try {
            all.push(claimIn(memory));
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
          }
        };
        using leaving = Memory.map(path, 1);
        betweenSteps(leaving, claim);
        attachmentOf(leaving).threads.free(all.pop()!);
        claim();
        assert.equal(all.length, SLOTS);
        for (const identity of all) {
          assert.notEqual(threads.describe(identity), undefined, "another thread has it as well");
        }
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
          assert.equal(segment.rawArray("raw", 2048).get(7), 1007);
          assert.notEqual(claimIn(segment.memory), attachmentOf(segment.memory).identity);
        }
      }),
  );

  for (const [kind, lockOf] of Object.entries(LOCKS)) {
    it(`of a dead thread is kept while a ${kind} names it`, LIMIT, () => {
      const segment = Segment.anonymous();
      const { memory } = segment;
      const lock = lockOf(segment);
      const dead = claimIn(memory);
      lock.lock();
      const { atomics, base, buffer } = regionOf(memory);
      const at = new Int32Array(buffer).indexOf(attachmentOf(memory).identity, HEADER.end >> 2) * 4;
      assert.ok(at >= base + HEADER.end, "no word names the holder");
      lock.unlock();
      atomics.store32(at, dead);
      forgeDeath(memory, dead);
      fill(memory);
      const another = () => claimIn(memory);
      assert.throws(another, /1022 threads.*its locks name 1 dead threads/);
      using guard = lock.acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
      assert.equal(another() & SLOTS, dead & SLOTS);
    });
  }

  it("of a dead writer is kept until another writer has come", LIMIT, () => {
    const segment = Segment.anonymous();
    const { memory } = segment;
    const lock = segment.rwLock("lock");
    const dead = claimIn(memory);
    const { atomics, base } = regionOf(memory);
    atomics.store32(base + HEADER.end + 128 + RW_LOCK.gate, dead);
    forgeDeath(memory, dead);
    fill(memory);
    for (let i = 0; i < 2; i++) {
      assert.throws(() => claimIn(memory), /1022 threads.*its locks name 1 dead threads/);
      using reader = lock.acquireSync({ shared: true, timeout: 20_000 });
      assert.equal(reader.recovered, true);
    }
    const writer = lock.acquireSync({ timeout: 20_000 });
    assert.equal(writer.recovered, true);
    writer.release();
    assert.equal(claimIn(memory) & SLOTS, dead & SLOTS);
  });

  it("is reused if a thread died while it claimed it, whoever had it before", LIMIT, () => {
    const memory = Memory.anonymous(64);
    const { threads, identity, region: { atomics, base } } = attachmentOf(memory);
    const last = claimIn(memory);
    assert.notEqual(last, identity);
    fill(memory);
    threads.free(last);
    const slot = base + HEADER.firstSlot + ((last & SLOTS) - 1) * SLOT.bytes;
    atomics.store32(slot + SLOT.claim, last + SLOTS + 1); // Of the next generation.
    assert.equal(claimIn(memory) & SLOTS, last & SLOTS);
  });

  it(
    "of a dead thread is kept while any word names it, if locks may be at offsets",
    LIMIT,
    () => {
      const segment = Segment.anonymous();
      const { memory } = segment;
      const { atomics, base } = regionOf(memory);
      atomics.store32(base + HEADER.directoryOnly, 0);
      const dead = claimIn(memory);
      const array = segment.rawArray("data", 9);
      array.set(3, dead);
      forgeDeath(memory, dead);
      fill(memory);
      assert.throws(() => claimIn(memory), RangeError);
      array.set(3, 0);
      assert.ok(claimIn(memory) > 0);
    },
  );
});
