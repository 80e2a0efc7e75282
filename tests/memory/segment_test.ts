import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { Segment, type SegmentHandle } from "../../src/memory/mod.ts";
import { HEADER, ID_BYTES } from "../../src/memory/layout.ts";
import { makeDirectory } from "../../src/runtime/files/folders.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { pathFrom } from "../../src/runtime/paths/path_like.ts";
import { Child, executableOf } from "../support/child.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { withThreads } from "../support/thread.ts";
import { ELEMENTS, TYPES } from "./fixtures/elements.ts";

const DEADLINE = { timeout: 60_000 };
const WORKER = new URL("./fixtures/segment_worker.ts", import.meta.url);
const PROCESS = new URL("./fixtures/segment_process.ts", import.meta.url);
const DAMAGE = new URL("./fixtures/damage_process.ts", import.meta.url);
const RACER = new URL("../stress/memory/racing_process.ts", import.meta.url);
/** `deno task soak` races 1,000 times. */
const RACES = 20;
const RACERS = 8;

const inFolder = (body: (directory: string) => void | Promise<void>) => () =>
  inScratchFolder((folder) => {
    chmodSync(folder, 0o700);
    return body(folder);
  });

describe("Segment", () => {
  it(
    "gives a name the same thing each time that it is opened",
    inFolder((directory) => {
      using first = Segment.open("shared", { directory });
      using second = Segment.open("shared", { directory });
      first.counter("done").add(7);
      assert.equal(second.counter("done").value, 7);
      const guard = first.mutex("jobs").acquireSync();
      assert.equal(second.mutex("jobs").tryAcquire(), undefined);
      guard.release();
      second.flag("stop").set();
      assert.equal(first.flag("stop").isSet, true);
      first.stripedCounter("hits", 4).add(3);
      assert.equal(second.stripedCounter("hits", 4).value, 3);
      assert.equal(first.mutex("jobs"), first.mutex("jobs"));
    }),
  );

  it(
    "opens a segment of any size, and makes it longer if a greater size is asked for",
    inFolder((directory) => {
      Segment.open("small", { directory, size: 4096 }).close();
      const large = 1_000_000;
      Segment.open("large", { directory, size: large }).close();
      for (const create of [undefined, false, true]) {
        using small = Segment.open("small", { directory, create });
        small.counter("done").add();
        Segment.open("small", { directory, create, size: 4096 }).close();
        const size = small.size + 1;
        using more = Segment.open("small", { directory, create, size });
        assert.ok(more.size >= size);
        assert.equal(small.size, more.size);
        using again = Segment.open("large", { directory, create, size: 4096 });
        assert.ok(again.size >= large);
      }
      using made = Segment.open("default", { directory });
      assert.ok(made.size >= 65536);
    }),
  );

  it("has one mutex for a name, with the options of its first use", () => {
    const segment = Segment.anonymous(4096);
    const mutex = segment.mutex("a");
    assert.equal(segment.mutex("a", {}), mutex);
    assert.equal(segment.mutex("a", { onOwnerDied: "recover" }), mutex);
    const throwing = segment.mutex("b", { onOwnerDied: "throw" });
    assert.equal(segment.mutex("b", { onOwnerDied: "throw" }), throwing);
    assert.throws(() => segment.mutex("b"), /TypeError.*"b".*"recover".*"throw"/);
    assert.throws(
      () => segment.mutex("a", { onOwnerDied: "throw" }),
      /TypeError.*"a".*"throw".*"recover"/,
    );
  });

  it("has one semaphore for a name, with one number of permits", () => {
    const segment = Segment.anonymous(4096);
    const semaphore = segment.semaphore("a", { permits: 2 });
    assert.equal(segment.semaphore("a", { permits: 2 }), semaphore);
    assert.throws(() => segment.semaphore("a", { permits: 3 }), /"a".*semaphore 3.*semaphore 2/);
    assert.throws(() => segment.semaphore("b", { permits: 0 }), RangeError);
    assert.deepEqual(segment.names(), [{ name: "a", kind: "semaphore 2" }]);
    const guard = Segment.from(segment.handle).semaphore("a", { permits: 2 }).acquireSync();
    assert.equal(semaphore.available, 1);
    assert.throws(() => segment.removeName("a"), /its lock is held by/);
    guard.release();
    assert.equal(segment.removeName("a"), true);
    assert.notEqual(segment.semaphore("a", { permits: 3 }), semaphore);
  });

  it("has one channel for a name, with one capacity and length of messages", () => {
    const segment = Segment.anonymous();
    const channel = segment.channel<string>("a", { capacity: 2 });
    assert.equal(segment.channel("a", { capacity: 2, messageBytes: 512 }), channel);
    for (const options of [{ capacity: 3 }, { capacity: 2, messageBytes: 513 }]) {
      assert.throws(() => segment.channel("a", options), /"a".*channel \d \d+.*channel 2 512/);
    }
    assert.throws(() => segment.channel("b", { capacity: 0 }), RangeError);
    assert.throws(() => segment.channel("b", { capacity: 1000 }), /Give it a greater size/);
    assert.deepEqual(segment.names(), [{ name: "a", kind: "channel 2 512" }]);
    Segment.from(segment.handle).channel<string>("a", { capacity: 2 }).sendSync("text");
    assert.equal(segment.removeName("a"), true);
    assert.equal(segment.channel("a", { capacity: 1 }).size, 0);
    assert.equal(channel.receiveSync(), "text");
  });

  it("has one latch for a name, with one count", () => {
    const segment = Segment.anonymous(4096);
    const latch = segment.latch("a", { count: 2 });
    assert.equal(segment.latch("a", { count: 2 }), latch);
    assert.throws(() => segment.latch("a", { count: 3 }), /"a".*latch 3.*latch 2/);
    assert.throws(() => segment.latch("b", { count: 0 }), RangeError);
    Segment.from(segment.handle).latch("a", { count: 2 }).countDown(2);
    assert.equal(latch.isOpen, true);
    assert.equal(segment.removeName("a"), true);
    assert.equal(segment.latch("a", { count: 2 }).isOpen, false);
  });

  it("has one read-write lock for a name, with the preference of its first use", () => {
    const segment = Segment.anonymous(4096);
    const lock = segment.rwLock("a");
    assert.equal(segment.rwLock("a", { prefer: "writers" }), lock);
    assert.throws(() => segment.rwLock("a", { prefer: "fair" }), /"a".*"fair".*"writers"/);
    assert.deepEqual(segment.names(), [{ name: "a", kind: "rwlock" }]);
    const other = Segment.from(segment.handle).rwLock("a", { prefer: "readers" });
    for (const options of [{ shared: true }, { upgradable: true }, {}]) {
      const guard = other.acquireSync(options);
      assert.equal(lock.tryAcquire(), undefined);
      assert.throws(() => segment.removeName("a"), /its lock is held by/);
      guard.release();
    }
    assert.equal(segment.removeName("a"), true);
    assert.notEqual(segment.rwLock("a"), lock);
  });

  it(
    "takes a directory that is a string, a URL or bytes",
    inFolder((directory) => {
      using first = Segment.open("paths", { directory });
      first.counter("done").add();
      const url = pathToFileURL(directory);
      for (const path of [url, new TextEncoder().encode(directory), `${directory}/`]) {
        using again = Segment.open("paths", { directory: path, create: false });
        assert.equal(again.counter("done").value, 1);
        assert.equal(Segment.list({ directory: path }).length, 1);
      }
      assert.equal(Segment.remove("paths", { directory: url }), true);
      for (const wrong of ["", url.href, new URL("http://localhost/")]) {
        assert.throws(() => Segment.open("paths", { directory: wrong }), TypeError);
      }
    }),
  );

  it(
    "is opened by its handle in a directory that is not UTF-8",
    inFolder((folder) => {
      const directory = Uint8Array.of(...new TextEncoder().encode(`${folder}/x`), 0xe9);
      makeDirectory(pathFrom(directory)); // Deno's own mkdir cannot.
      using segment = Segment.open("bytes", { directory });
      segment.counter("done").add();
      using again = Segment.from(structuredClone(segment.handle));
      assert.equal(again.counter("done").value, 1);
      using third = Segment.from(again.handle);
      assert.equal(third.memory.id, segment.memory.id);
    }),
  );

  it(
    "keeps a byte order mark at the beginning of a name",
    inFolder((directory) => {
      using first = Segment.open("marked", { directory });
      using second = Segment.open("marked", { directory });
      const guard = first.mutex("\uFEFFjobs").acquireSync();
      assert.equal(second.mutex("\uFEFFjobs").tryAcquire(), undefined);
      guard.release();
      for (const segment of [first, second]) {
        assert.throws(() => segment.mutex("a\ud800"), TypeError);
        assert.throws(() => segment.counter("a\0"), TypeError);
      }
      assert.deepEqual(second.names(), [{ name: "\uFEFFjobs", kind: "mutex" }]);
    }),
  );

  it(
    "refuses a name as another kind, and names both kinds",
    inFolder((directory) => {
      using segment = Segment.open("kinds", { directory });
      segment.mutex("jobs");
      segment.stripedCounter("hits", 4);
      assert.throws(() => segment.counter("jobs"), /TypeError.*"jobs".*"kinds".*counter.*mutex/s);
      assert.throws(() => segment.stripedCounter("hits", 8), /TypeError.*8.*4/s);
      const kinds = Object.fromEntries(segment.names().map(({ name, kind }) => [name, kind]));
      assert.deepEqual(kinds, { hits: "striped counter 4", jobs: "mutex" });
    }),
  );

  it(
    "has values and arrays of each type, with a lock and without",
    inFolder((directory) => {
      using first = Segment.open("values", { directory });
      using second = Segment.open("values", { directory });
      for (const type of TYPES) {
        const [kept] = ELEMENTS[type].kept;
        first.value(`v-${type}`, type).value = kept;
        first.rawValue(`r-${type}`, type).value = kept;
        first.array(`a-${type}`, 10, type).set(9, kept);
        first.rawArray(`ra-${type}`, 10, type).set(9, kept);
        assert.equal(second.value(`v-${type}`, type).value, kept);
        assert.equal(second.rawValue(`r-${type}`, type).value, kept);
        assert.equal(second.array(`a-${type}`, 10, type).get(9), kept);
        assert.equal(second.rawArray(`ra-${type}`, 10, type).get(9), kept);
      }
      first.value("jobs").update((n) => n + 1);
      assert.equal(second.value("jobs", "Int32").value, 1);
      assert.equal(first.array("ten", 10), first.array("ten", 10));
      assert.throws(() => first.value("jobs", "Int8"), /"jobs".*value Int8.*value Int32/);
      assert.throws(() => first.rawValue("jobs"), /raw value Int32.*value Int32/);
      assert.throws(() => first.array("ten", 11), /array Int32 11.*array Int32 10/);
      assert.throws(() => first.rawArray("ten", 10), /raw array Int32 10.*array Int32 10/);
    }),
  );

  it("refuses wrong lengths and types, and creates nothing then", () => {
    const segment = Segment.anonymous(4096);
    const { free } = segment;
    for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
      assert.throws(() => segment.array("x", length), RangeError, String(length));
      assert.throws(() => segment.rawArray("x", length, "Float64"), RangeError, String(length));
      assert.throws(() => segment.stripedCounter("x", length), RangeError, String(length));
    }
    for (const type of ["int32", null, 7, "toString"] as unknown as "Int32"[]) {
      assert.throws(() => segment.value("x", type), TypeError, String(type));
      assert.throws(() => segment.rawValue("x", type), TypeError, String(type));
      assert.throws(() => segment.array("x", 1, type), TypeError, String(type));
      assert.throws(() => segment.rawArray("x", 1, type), TypeError, String(type));
    }
    assert.deepEqual(segment.names(), []);
    assert.equal(segment.free, free);
  });

  it("that is anonymous is opened by its handle, with the same things", () => {
    const segment = Segment.anonymous(1000);
    assert.equal(segment.name, undefined);
    segment.counter("done").add(2);
    using again = Segment.from(segment.handle);
    assert.equal(again.counter("done").value, 2);
    assert.ok(segment.size >= 1000);
    assert.equal(segment.free, again.free);
  });

  it(
    "is opened, created, or either, as asked for, and is listed and removed",
    inFolder((directory) => {
      const options = { directory };
      assert.throws(() => Segment.open("a", { create: false, ...options }), { code: "ENOENT" });
      Segment.open("b", { create: "exclusive", size: 200_000, ...options }).close();
      assert.throws(() => Segment.open("b", { create: "exclusive", ...options }), {
        code: "EEXIST",
      });
      Segment.open("a", options).close();
      writeFileSync(join(directory, "no-segment"), "x");
      mkdirSync(join(directory, "folder"));
      assert.deepEqual(Segment.list(options).map(({ name }) => name), ["a", "b"]);
      assert.ok(Segment.list(options)[1].size >= 200_000);
      using kept = Segment.open("b", { create: false, ...options });
      assert.equal(Segment.remove("b", options), true);
      assert.equal(Segment.remove("b", options), false);
      kept.counter("still").add();
      using made = Segment.open("b", options);
      assert.equal(made.counter("still").value, 0);
      assert.throws(() => Segment.from(kept.handle), /another one created since/);
      assert.deepEqual(Segment.list({ directory: join(directory, "none") }), []);
    }),
  );

  it(
    "is not opened by the handle of a removed one whose inode it has",
    inFolder((directory) => {
      const first = Segment.open("again", { directory });
      const { handle } = first;
      first.close();
      Segment.remove("again", { directory });
      // ext4 gives a new file the inode of the last one that was removed; tmpfs does not.
      using second = Segment.open("again", { directory });
      assert.throws(() => Segment.from(handle), /another one created since/);
      // In place of a file with the inode of the second one.
      const path = join(directory, "again");
      const contents = readFileSync(path);
      contents.fill(7, HEADER.id, HEADER.id + ID_BYTES);
      writeFileSync(path, contents);
      assert.throws(() => Segment.from(second.handle), /another one created since/);
    }),
  );

  it(
    "takes only valid names and options",
    inFolder((directory) => {
      for (const name of ["a", "A.b_c-d", "0", "x".repeat(128)]) {
        Segment.open(name, { directory }).close();
      }
      const wrong = ["", ".", "..", ".hidden", "a/b", "../a", "a\0b", "a b", "x".repeat(129), "ü"];
      for (const name of [...wrong, 7, null, undefined] as string[]) {
        assert.throws(() => Segment.open(name, { directory }), TypeError, String(name));
        assert.throws(() => Segment.remove(name, { directory }), TypeError, String(name));
      }
      for (const size of [0, -1, 0.5, NaN]) {
        assert.throws(() => Segment.open("s", { size, directory }), RangeError);
        assert.throws(() => Segment.open("s", { maxSize: size, directory }), RangeError);
        assert.throws(() => Segment.anonymous(size), RangeError);
      }
      const less = { size: 200_000, maxSize: 4096, directory };
      assert.throws(() => Segment.open("s", less), /RangeError: .*maxSize \(4096\)/);
      const create = "append" as "exclusive";
      assert.throws(() => Segment.open("s", { create, directory }), TypeError);
      for (const handle of [undefined, null, {}, 7, "a"] as unknown as SegmentHandle[]) {
        assert.throws(() => Segment.from(handle), TypeError);
      }
    }),
  );

  it(
    "is sent to workers by its memory, or by its name",
    DEADLINE,
    inFolder(async (directory) => {
      using named = Segment.open("sent", { directory });
      for (const segment of [named, Segment.anonymous()]) {
        await withThreads(2, WORKER, async (threads) => {
          for (const thread of threads) thread.post(segment.handle);
          for (const thread of threads) assert.equal(await thread.next(), "added");
        });
        assert.equal(segment.counter("done").value, 2000);
        segment.mutex("jobs").acquireSync().release();
      }
    }),
  );

  it(
    "that was closed refuses everything, and keeps its contents",
    inFolder((directory) => {
      const segment = Segment.open("closed", { directory });
      const counter = segment.counter("done");
      counter.add(3);
      const guard = segment.mutex("jobs").acquireSync();
      assert.throws(() => segment.close(), /holds 1 of its locks/);
      guard.release();
      const contents = readFileSync(join(directory, "closed"));
      segment.close();
      segment.close();
      const uses = [() => counter.add(), () => segment.mutex("jobs"), () => segment.counter("x")];
      for (const use of [...uses, () => segment.names()]) assert.throws(use, TypeError);
      const after = readFileSync(join(directory, "closed"));
      assert.equal(after.subarray(HEADER.end).equals(contents.subarray(HEADER.end)), true);
    }),
  );

  it(
    "damaged at random, reports that or works",
    DEADLINE,
    inFolder(async (directory) => {
      const { code, stderr } = await Child.here(DAMAGE, directory, "300", "3").ended;
      assert.equal(code, 0, stderr);
    }),
  );

  it(
    `is the same for ${RACERS} processes that open it at once`,
    DEADLINE,
    inFolder(async (directory) => {
      const names = ["deno", "bun", "node"] as const;
      const racers = Array.from({ length: RACERS }, (_, i) => {
        const name = names[i % names.length];
        const executable = executableOf(name);
        return executable === undefined || name === adapter.name
          ? Child.here(RACER, directory)
          : Child.of(name, executable, RACER, directory);
      });
      try {
        for (const racer of racers) assert.equal(await racer.line(), "ready");
        for (let round = 0; round < RACES; round++) {
          for (const racer of racers) racer.tell(`race-${round}`);
          const seen = await Promise.all(racers.map((racer) => racer.line()));
          assert.equal(new Set(seen).size, 1, `round ${round}: ${seen.join(" | ")}`);
          using segment = Segment.open(`race-${round}`, { create: false, directory });
          assert.equal(segment.counter("racers").value, RACERS);
          assert.equal(segment.names().length, 3);
          Segment.remove(`race-${round}`, { directory });
        }
      } finally {
        for (const racer of racers) racer.kill();
        await Promise.all(racers.map(({ ended }) => ended));
      }
    }),
  );

  const deno = executableOf("deno");
  it("needs only --allow-ffi in Deno", { skip: deno === undefined }, async () => {
    const name = `interlock-test-${process.pid}`;
    const flags = ["run", "--quiet", "--no-config", "--no-lock", "--no-prompt", "--allow-ffi"];
    using segment = Segment.open(name);
    try {
      const child = new Child(deno!, flags, PROCESS, [name]);
      assert.equal(await child.line(), "recovered false, counted 1");
      assert.equal((await child.ended).code, 0);
      assert.equal(segment.counter("done").value, 1);
    } finally {
      Segment.remove(name);
    }
  });
});
