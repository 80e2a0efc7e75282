import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SegmentFormatError, StaleSegmentError } from "../../src/contract/mod.ts";
import { HEADER, SLOT, SLOTS, UNIT } from "../../src/memory/layout.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { Mutex, Segment, type SegmentOptions } from "../../src/memory/mod.ts";
import { Child } from "../support/child.ts";
import { collected } from "../support/collected.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";
import { RUNTIMES } from "./fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const PROCESS = new URL("./fixtures/growing_process.ts", import.meta.url);

type Open = (options?: SegmentOptions) => Segment;

/** Runs `body` with the folder of a segment and a way to open it; all that it opened is closed. */
const withSegment = (body: (open: Open, path: string) => void | Promise<void>) => () =>
  inScratchFolder(async (folder) => {
    chmodSync(folder, 0o700);
    const opened: Segment[] = [];
    const open: Open = (options) => {
      const segment = Segment.open("grown", { directory: folder, ...options });
      opened.push(segment);
      return segment;
    };
    try {
      await body(open, join(folder, "grown"));
    } finally {
      for (const segment of opened) segment.close();
    }
  });

/** The offset of the first thing in a segment. */
const FIRST = 128;
/** More than a segment has that is made with its default size. */
const LARGE = 8 * UNIT;
/** The bytes of each thing that fills a segment, with its record. */
const EACH = 4096;

describe("A segment that is opened with a greater size", () => {
  it(
    "grows, and those who have it open see its new names",
    withSegment((open) => {
      const first = open();
      const [mutex, counter] = [first.mutex("jobs"), first.counter("done")];
      const { size, memory } = first;
      const second = open({ size: LARGE });
      assert.ok(second.size >= LARGE && size < LARGE);
      assert.equal(first.size, second.size);
      assert.equal(first.free, second.free);
      assert.equal(first.memory, memory, "it was mapped before it was needed");

      const array = second.array("large", LARGE - UNIT, "Uint8");
      array.set(LARGE - UNIT - 1, 7);
      second.counter("beyond").add(3);
      assert.equal(first.counter("beyond").value, 3);
      assert.equal(first.array("large", LARGE - UNIT, "Uint8").get(LARGE - UNIT - 1), 7);
      assert.equal(first.memory.id, memory.id);
      assert.deepEqual(first.names(), second.names());

      counter.add(); // By the mapping from before.
      second.counter("done").add();
      assert.equal(counter.value, 2);
      assert.equal(first.mutex("jobs"), mutex);
      const guard = mutex.acquireSync();
      assert.equal(second.mutex("jobs").tryAcquire(), undefined);
      assert.equal(Segment.from(first.handle).mutex("jobs").tryAcquire(), undefined);
      assert.throws(() => first.close(), /holds 1 of its locks/);
      guard.release();
      const beyond = first.mutex("another").acquireSync();
      assert.throws(() => first.close(), /holds 1 of its locks/);
      counter.add();
      beyond.release();
      second.mutex("jobs").acquireSync().release();
    }),
  );

  it(
    "wakes waiters of processes that opened it before and after",
    LIMIT,
    () =>
      inScratchFolder(async (directory) => {
        chmodSync(directory, 0o700);
        using before = Segment.open("grown", { directory });
        const children = RUNTIMES.map((name) => Child.in(name, PROCESS, directory));
        try {
          for (const child of children) assert.equal(await child.line(), "ready");
          using after = Segment.open("grown", { directory, size: LARGE });
          after.rawArray("filler", LARGE - UNIT, "Uint8");
          for (const holder of [after, before]) {
            for (const [act, bit] of [["acquire", 31], ["await", 30]] as const) {
              const guard = holder.mutex("jobs").acquireSync();
              for (const child of children) child.tell(act);
              const region = regionOf(before.memory);
              const word = () => region.atomics.load32(region.resolve(FIRST, 4, 4));
              await until(`a waiter by ${act}`, () => (word() >>> bit & 1) === 1);
              guard.release();
              for (const child of children) assert.match(await child.line(), new RegExp(act));
            }
          }
          const seen: string[] = [];
          for (const child of children) {
            child.tell("count beyond");
            seen.push(await child.line());
          }
          assert.deepEqual(seen, children.map((_, i) => `count ${i}`));
          assert.equal(after.counter("beyond").value, children.length);
        } finally {
          for (const child of children) child.kill();
          await Promise.all(children.map(({ ended }) => ended));
        }
      }),
  );
});

describe("A segment that names fill", () => {
  it(
    "grows by itself up to its limit, which the greatest maxSize sets",
    withSegment((open) => {
      const first = open({ size: 1 });
      const fill = (segment: Segment, prefix: string) => {
        for (let i = 0;; i++) segment.rawArray(`${prefix} ${i}`, EACH - 128, "Uint8");
      };
      const isFull = /RangeError: .*takes 4096 bytes.*left.*maxSize/;
      assert.throws(() => fill(first, "first"), isFull);
      const { size } = first;
      assert.ok(first.free < EACH);

      const maxSize = LARGE;
      const second = open({ maxSize });
      assert.equal(second.size, size, "it grows when it must");
      const held = first.mutex.bind(first, "held");
      second.mutex("held").lock(); // It has grown by now.
      assert.equal(held().tryAcquire(), undefined);
      second.mutex("held").unlock();
      open({ maxSize: 1 }); // Changes nothing.
      assert.throws(() => fill(first, "second"), isFull);
      assert.ok(first.size > maxSize - UNIT && first.size < maxSize + UNIT, `${first.size}`);
      assert.equal(first.size, second.size);
      assert.equal(first.free, second.free);
      const names = first.names();
      // One mutex, and the others.
      assert.equal(names.length, 1 + Math.floor((first.size - 256) / EACH));
      assert.deepEqual(open().names(), names);
    }),
  );

  it(
    "grows for processes of all runtimes at once",
    LIMIT,
    () =>
      inScratchFolder(async (directory) => {
        chmodSync(directory, 0o700);
        using segment = Segment.open("grown", { directory, size: 1, maxSize: 4 * UNIT });
        const children = RUNTIMES.map((name) => Child.in(name, PROCESS, directory));
        try {
          for (const child of children) assert.equal(await child.line(), "ready");
          children.forEach((child, i) => child.tell(`fill ${i}`));
          for (const child of children) assert.match(await child.line(), /^fill/);
        } finally {
          for (const child of children) child.kill();
          await Promise.all(children.map(({ ended }) => ended));
        }
        for (let i = 0; i < 100; i++) {
          assert.equal(segment.counter(`all-${i}`).value, RUNTIMES.length);
          children.forEach((_, n) => assert.equal(segment.counter(`${n}-${i}`).value, 1));
        }
        // The mutex as well.
        assert.equal(segment.names().length, 100 * (children.length + 1) + 1);
      }),
  );

  it(
    "closes all its mappings or none, also if the program has closed one",
    withSegment(async (open) => {
      const segment = open({ maxSize: LARGE });
      const first = segment.memory;
      segment.rawArray("large", LARGE - UNIT, "Uint8");
      const { memory } = segment;
      assert.notEqual(memory, first);
      const dropped = (() => {
        const mutex = new Mutex(memory, FIRST);
        mutex.lock();
        return new WeakRef(mutex);
      })();
      await collected(() => dropped.deref() === undefined);
      assert.throws(() => segment.close(), /holds 1 of its locks/);
      assert.deepEqual([first.closed, memory.closed], [false, false]);
      const region = regionOf(first);
      region.atomics.store32(region.resolve(FIRST, 4, 4), 0);
      memory.close();
      segment.close();
      assert.equal(first.closed, true);
    }),
  );

  it("that is anonymous does not grow", () => {
    const segment = Segment.anonymous(1);
    const { size } = segment;
    assert.throws(() => segment.rawArray("large", size, "Uint8"), RangeError);
    assert.equal(segment.size, size);
    assert.equal(segment.stale, false);
  });
});

describe("The words about the length of a segment", () => {
  it(
    "may be behind the file, as after a death, and not before it",
    withSegment((open, path) => {
      const { size } = open();
      const { length } = readFileSync(path);
      truncateSync(path, length + 3 * UNIT);
      assert.equal(open().size, size);
      assert.equal(open({ size: size + 2 * UNIT }).size, size + 2 * UNIT);
      open().counter("here").add();
    }),
  );

  it(
    "are refused if they are damaged",
    withSegment((open, path) => {
      const segment = open();
      segment.counter("done");
      const good = readFileSync(path);
      const cases: [at: number, value: number, says: RegExp][] = [
        [HEADER.units, 0, /its header says/],
        [HEADER.units, 2 ** 31, /its header says/],
        [HEADER.mostUnits, 2 ** 31, /may grow to 2147483648 units/],
        [HEADER.removed, 2, /marks it as removed by 2, which is not 0 or 1/],
        [HEADER.end + 4, 2, /the record at byte 0 has state 2/],
      ];
      for (const [at, value, says] of cases) {
        const bytes = new Uint8Array(good);
        new DataView(bytes.buffer).setUint32(at, value, true);
        writeFileSync(path, bytes);
        assert.throws(
          () => open(),
          (error) => error instanceof SegmentFormatError && says.test(error.message),
          `${at}: ${value}`,
        );
      }
      writeFileSync(path, good);
      // While it is open.
      const { atomics, base } = regionOf(segment.memory);
      atomics.store32(base + HEADER.used, 2 ** 30);
      assert.throws(() => segment.names(), SegmentFormatError);
      const { size } = segment.memory;
      for (const [units, most] of [[0, size], [1, size], [2 ** 30, 2 ** 30], [-1, 2 ** 30]]) {
        atomics.store32(base + HEADER.units, units);
        assert.throws(() => segment.names(), SegmentFormatError);
        assert.ok(segment.size >= size && segment.size <= most, `${units}: ${segment.size}`);
        assert.ok(segment.free >= 0);
      }
    }),
  );
});

describe("A segment is stale", () => {
  const CHANGES: Readonly<Record<string, (path: string) => void>> = {
    "Segment.remove": (path) => {
      const [, directory, name] = /^(.*)\/([^/]*)$/.exec(path)!;
      Segment.remove(name, { directory });
    },
    "the removal of its file": (path) => rmSync(path),
    "another file in its place": (path) => {
      writeFileSync(`${path}-new`, readFileSync(path), { mode: 0o600 });
      renameSync(`${path}-new`, path);
    },
    "another name of its file": (path) => renameSync(path, `${path}-old`),
    "another name of its folder": (path) => {
      const folder = path.slice(0, path.lastIndexOf("/"));
      renameSync(folder, `${folder}-old`);
    },
  };
  for (const [what, change] of Object.entries(CHANGES)) {
    it(`after ${what}, and says so by name if that is asked for`, () =>
      inScratchFolder((outer) => {
        const directory = join(outer, "folder");
        mkdirSync(directory, { mode: 0o700 });
        using plain = Segment.open("grown", { directory });
        using checking = Segment.open("grown", { directory, checkStale: true });
        using sent = Segment.from(structuredClone(checking.handle));
        const mutex = checking.mutex("jobs");
        mutex.lock();
        mutex.unlock();
        assert.deepEqual([plain.stale, checking.stale], [false, false]);
        change(join(directory, "grown"));
        assert.deepEqual([plain.stale, checking.stale], [true, true]);
        plain.counter("done").add();
        for (const segment of [checking, sent]) {
          assert.throws(
            () => segment.mutex("jobs"),
            (error) =>
              error instanceof StaleSegmentError && /"jobs".*"grown".*removed/.test(error.message),
          );
        }
        mutex.acquireSync().release(); // Those who have it go on.
        const room = () => plain.rawArray("large", plain.size, "Uint8");
        assert.throws(room, RangeError);
      }));
  }

  it("not if another one is made beside it, nor if its path cannot be read", () =>
    inScratchFolder((outer) => {
      const directory = join(outer, "folder");
      mkdirSync(directory, { mode: 0o700 });
      using segment = Segment.open("grown", { directory });
      Segment.open("another", { directory }).close();
      Segment.remove("another", { directory });
      assert.equal(segment.stale, false);
      renameSync(directory, `${directory}-old`);
      symlinkSync(directory, directory); // ELOOP: what is there is unknown.
      assert.equal(segment.stale, false);
    }));

  it(
    "and cannot grow then",
    withSegment((open, path) => {
      const segment = open({ maxSize: LARGE });
      segment.counter("done").add();
      rmSync(path);
      const another = open({ maxSize: LARGE });
      const { size } = another;
      assert.throws(() => segment.rawArray("large", LARGE - UNIT, "Uint8"), StaleSegmentError);
      assert.equal(segment.counter("done").value, 1);
      assert.equal(another.counter("done").value, 0);
      assert.equal(another.size, size, "the other one was made longer");
      another.rawArray("large", LARGE - UNIT, "Uint8");
    }),
  );

  it("cannot be given another memory", () => {
    const segment = Segment.anonymous();
    const { memory } = segment;
    assert.throws(() => {
      (segment as { memory: unknown }).memory = Segment.anonymous().memory;
    }, TypeError);
    assert.equal(segment.memory, memory);
  });
});

describe("A name of a segment that is removed", () => {
  it(
    "can be given to another thing, which those who ask by the name get",
    withSegment((open) => {
      for (const [first, second] of [[open(), open()], anonymousPair()]) {
        const old = first.counter("done");
        old.add(5);
        second.counter("done");
        const { free } = first;
        assert.equal(first.removeName("done"), true);
        assert.equal(first.removeName("done"), false);
        assert.equal(second.removeName("never"), false);
        assert.deepEqual(second.names(), []);
        const mutex = second.mutex("done"); // Another kind.
        assert.equal(first.mutex("done").owner(), mutex.owner());
        assert.throws(() => first.counter("done"), TypeError);
        old.add();
        assert.equal(old.value, 6, "an object from before goes on");
        assert.equal(first.free, free - 256, "its bytes were used again");
        second.removeName("done");
        assert.equal(first.counter("done").value, 0);
        assert.notEqual(first.counter("done"), old);
      }
    }),
  );

  it(
    "is refused while its lock is held, by its holder as well",
    withSegment((open) => {
      const [first, second] = [open(), open()];
      const lock = { mutex: first.mutex("m"), value: first.value("v") };
      second.value("v");
      lock.mutex.lock();
      for (const segment of [first, second]) {
        assert.throws(() => segment.removeName("m"), /Cannot remove "m".*held by process \d+/);
      }
      lock.value.update(() => {
        assert.throws(() => second.removeName("v"), /Cannot remove "v".*held/);
        return 7;
      });
      lock.mutex.unlock();
      for (const name of ["m", "v"]) assert.equal(second.removeName(name), true);
      assert.deepEqual(first.names(), []);
      assert.equal(first.value("v").value, 0);
    }),
  );

  it(
    "keeps the slot of a dead thread that holds its lock",
    withSegment((open) => {
      const first = open();
      const old = first.mutex("m");
      first.removeName("m");
      old.lock();
      const { atomics, base } = regionOf(first.memory);
      const slots = Array.from(
        { length: SLOTS },
        (_, i) => base + HEADER.firstSlot + i * SLOT.bytes,
      );
      const word = atomics.load32(regionOf(first.memory).resolve(FIRST, 4, 4)) & 0x3fffffff;
      const mine = slots.filter((at) => atomics.load32(at + SLOT.identity) === word);
      assert.equal(mine.length, 1);
      // All slots are those of dead threads now.
      for (const at of slots) {
        atomics.compareExchange32(at + SLOT.claim, 0, atomics.load32(at + SLOT.identity) || 1);
        atomics.store32(at + SLOT.gone, 1);
      }
      const claim = atomics.load32(mine[0] + SLOT.claim);
      attachmentOf(first.memory).threads.claim(undefined, true); // As another thread.
      assert.equal(atomics.load32(mine[0] + SLOT.claim), claim, "its slot was freed");
      old.unlock();
    }),
  );
});

function anonymousPair(): [Segment, Segment] {
  const segment = Segment.anonymous();
  return [segment, Segment.from(segment.handle)];
}
