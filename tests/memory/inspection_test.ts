import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { Segment } from "../../mod.ts";
import {
  type InspectedCell,
  inspectSegment,
  inspectSegments,
  viewSegment,
} from "../../src/memory/inspection.ts";
import { HEADER, SLOT } from "../../src/memory/layout.ts";
import { Mutex } from "../../src/memory/mod.ts";
import { Child } from "../support/child.ts";
import { randomOf } from "../support/random.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const HOLDER = new URL("./fixtures/holding_process.ts", import.meta.url);

/** The thing of a name in the segment "jobs" of a folder. */
function cellOf(directory: string, name: string): InspectedCell {
  const found = inspectSegment(join(directory, "jobs")).cells.find((cell) => cell.name === name);
  assert.ok(found, name);
  return found;
}

describe("inspectSegment", () => {
  it("reads the values of all kinds that say how", () =>
    inScratchFolder((directory) => {
      using segment = Segment.open("jobs", { directory });
      segment.counter("counter").set(-(2 ** 40));
      segment.stripedCounter("striped", 4).add(7);
      segment.flag("set").set();
      segment.flag("clear");
      segment.value("value", "Float64").value = 0.25;
      segment.rawValue("raw", "Uint8").value = 200;
      segment.rawValue("big", "BigUint64").value = 2n ** 64n - 1n;
      segment.array("array", 3, "Int16").raw.set(2, -5);
      segment.rawArray("long", 20).set(7, 1);
      const mutex = segment.mutex("mutex");
      segment.condition("condition", mutex);
      segment.barrier("barrier", { parties: 2 });
      segment.once("once").getSync(() => 1);
      segment.latch("latch", { count: 5 }).countDown(2);
      const channel = segment.channel<number>("channel", { capacity: 3 });
      for (let i = 0; i < 5; i++) {
        channel.sendSync(i);
        if (i < 3) channel.receiveSync();
      }
      channel.close();
      const { cells } = inspectSegment(join(directory, "jobs"));
      assert.deepEqual(Object.fromEntries(cells.map(({ name, value }) => [name, value])), {
        counter: -(2 ** 40),
        striped: 7,
        set: true,
        clear: false,
        value: 0.25,
        raw: 200,
        big: 2n ** 64n - 1n,
        array: [0, 0, -5],
        long: [0, 0, 0, 0, 0, 0, 0, 1],
        mutex: undefined,
        latch: 3,
        channel: 2,
        condition: undefined,
        barrier: 0,
        once: true,
      });
      const locked = cells.filter(({ state }) => state !== undefined).map(({ name }) => name);
      assert.deepEqual(locked.sort(), ["array", "mutex", "once", "value"]);
    }));

  it("reads the requests of segment.locks, whose table is no named thing", () =>
    inScratchFolder(async (directory) => {
      using segment = Segment.open("jobs", { directory });
      const { locks } = segment;
      assert.deepEqual(inspectSegment(join(directory, "jobs")).requests, []);
      const { promise, resolve } = Promise.withResolvers<void>();
      const name = "a name of more than sixteen characters, \ud800";
      const shared = { mode: "shared" } as const;
      const ended = [
        locks.request(name, () => promise),
        locks.request("b", shared, () => promise),
        locks.request(name, shared, () => promise),
      ];
      const { requests, cells, threads } = inspectSegment(join(directory, "jobs"));
      assert.deepEqual(cells, []);
      assert.deepEqual(requests.map(({ name, mode, state }) => [name, mode, state]), [
        [name, "exclusive", "held"],
        ["b", "shared", "held"],
        [name, "shared", "waits"],
      ]);
      assert.ok(requests.every(({ owner }) => owner?.pid === process.pid));
      assert.deepEqual(threads.flatMap(({ waits }) => waits.map(({ name }) => name)), [name]);
      resolve();
      await Promise.all(ended);
      assert.deepEqual(inspectSegment(join(directory, "jobs")).requests, []);
    }));

  it(
    "tells a dead holder from one that lives, and what it left behind",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        using segment = Segment.open("jobs", { directory });
        const mutex = segment.mutex("lock", { onOwnerDied: "throw" });
        await using holder = Child.here(HOLDER, "jobs", directory);
        assert.equal(await holder.line(), "held 1");
        const held = cellOf(directory, "lock");
        assert.equal(held.state, "held");
        assert.equal(held.holders?.[0].owner?.pid, holder.pid);
        assert.equal(held.token, 1);
        assert.equal(held.contents, "consistent");
        const threads = () => inspectSegment(join(directory, "jobs")).threads;
        const { command, isGone } = threads().find(({ owner }) => owner.pid === holder.pid)!;
        assert.equal(isGone, false);
        assert.match(command!, /holding_process\.ts jobs/);

        holder.kill();
        await holder.ended;
        const dead = cellOf(directory, "lock");
        assert.equal(dead.state, "dead");
        assert.equal(dead.holders?.[0].owner?.pid, holder.pid);
        const gone = threads().find(({ owner }) => owner.pid === holder.pid)!;
        assert.equal(gone.isGone, true);
        assert.equal(gone.command, undefined);

        assert.throws(() => mutex.acquireSync(), { name: "OwnerDiedError" });
        const left = cellOf(directory, "lock");
        assert.deepEqual([left.state, left.contents], ["free", "recovered"]);
        assert.equal(left.diedOwner?.pid, holder.pid);
        const guard = mutex.acquireSync({ recover: true });
        assert.equal(cellOf(directory, "lock").contents, "consistent");
        guard.markInconsistent();
        guard.release();
        const marked = cellOf(directory, "lock");
        assert.deepEqual([marked.state, marked.contents], ["free", "inconsistent"]);
        assert.equal(marked.diedOwner?.pid, process.pid);
      }),
  );

  it(
    "shows who has the permits of a semaphore, and whose holder died",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        using segment = Segment.open("jobs", { directory });
        const semaphore = segment.semaphore("lock", { permits: 4 });
        const shown = () => {
          const { state, permits, token, holders } = cellOf(directory, "lock");
          return [
            state,
            permits,
            token,
            holders!.map(({ owner, isGone, permits }) => [owner?.pid, isGone, permits]),
          ];
        };
        assert.deepEqual(shown(), ["free", 4, 0, []]);
        await using holder = Child.here(HOLDER, "jobs", directory, "semaphore");
        assert.equal(await holder.line(), "held 1");
        assert.deepEqual(shown(), ["held", 4, 1, [[holder.pid, false, 2]]]);
        holder.kill();
        await holder.ended;
        assert.deepEqual(shown(), ["dead", 4, 1, [[holder.pid, true, 2]]]);
        {
          using _guard = semaphore.acquireSync({ permits: 3 });
          const [state, , , holders] = shown();
          assert.equal(state, "held");
          assert.deepEqual(
            (holders as unknown[][]).toSorted((one, other) => +one[1]! - +other[1]!),
            [
              [process.pid, false, 3],
              [holder.pid, true, 1],
            ],
          );
        }
        using _all = semaphore.acquireSync({ permits: 4 });
        assert.deepEqual(shown(), ["held", 4, 3, [[process.pid, false, 4]]]);
      }),
  );

  it(
    "shows the readers and the writer of a read-write lock, and that one died",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        using segment = Segment.open("jobs", { directory });
        const lock = segment.rwLock("lock");
        const shown = () => {
          const { state, contents, diedOwner, holders } = cellOf(directory, "lock");
          return [
            state,
            contents,
            diedOwner?.pid,
            holders!.map(({ owner, isGone, role }) => [owner?.pid, isGone, role]),
          ];
        };
        const me = process.pid;
        assert.deepEqual(shown(), ["free", "consistent", undefined, []]);
        const reading = lock.acquireSync({ shared: true });
        await using reader = Child.here(HOLDER, "jobs", directory, "reader");
        await reader.line();
        const readers = [[me, false, "reader"], [reader.pid, false, "reader"]];
        assert.deepEqual(shown(), ["held", "consistent", undefined, readers]);
        await using next = Child.here(HOLDER, "jobs", directory, "writer");
        const waiting = [[next.pid, false, "next writer"], ...readers];
        await until("a writer that waits", () => (shown()[3] as unknown[]).length === 3);
        assert.deepEqual(shown(), ["held", "consistent", undefined, waiting]);
        reader.kill(); // A reader that died keeps no writer out.
        await reader.ended;
        reading.release();
        await next.line();
        assert.deepEqual(shown(), ["held", "consistent", undefined, [[next.pid, false, "writer"]]]);
        next.kill();
        await next.ended;
        assert.deepEqual(shown(), ["dead", "consistent", undefined, [[next.pid, true, "writer"]]]);
        {
          using guard = lock.acquireSync({ upgradable: true });
          assert.ok(guard.recovered);
          assert.deepEqual(shown(), ["held", "recovered", next.pid, [[me, false, "next writer"]]]);
        }
        lock.acquireSync().release();
        assert.deepEqual(shown(), ["free", "consistent", undefined, []]);
      }),
  );

  it("shows the readers and the writers that wait for a read-write lock", () =>
    inScratchFolder(async (directory) => {
      using segment = Segment.open("jobs", { directory });
      const lock = segment.rwLock("lock");
      for (const [held, wanted] of [[false, true], [true, false], [false, false]]) {
        const guard = lock.acquireSync({ shared: held });
        const waiting = lock.acquire({ shared: wanted });
        await until("a waiter", () => segment.threads()[0].waits.length > 0);
        const { cells: [{ waiters }], threads: [{ waits }] } = inspectSegment(
          join(directory, "jobs"),
        );
        guard.release();
        (await waiting).release();
        assert.equal(waiters.length, 1);
        assert.equal(waits[0].name, "lock");
      }
    }));

  it(
    "shows the waiters of a lock and of a flag, and for how long the lock is held",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        using segment = Segment.open("jobs", { directory });
        using _guard = segment.mutex("lock").acquireSync();
        assert.equal(cellOf(directory, "lock").heldFor, undefined);
        const end = new AbortController();
        const wait = segment.flag("go").wait({ signal: end.signal });
        await using waiter = Child.here(HOLDER, "jobs", directory);
        // The waiter notes its wait, then since when the lock is held.
        const { heldFor, waiters } = await until("a waiter", () => {
          const cell = cellOf(directory, "lock");
          return cell.waiters.length > 0 && cell.heldFor !== undefined && cell;
        });
        assert.deepEqual(waiters.map(({ owner }) => owner.pid), [waiter.pid]);
        assert.ok(heldFor! >= 0);
        assert.deepEqual(cellOf(directory, "go").waiters.map(({ owner }) => owner.pid), [
          process.pid,
        ]);
        const { threads } = inspectSegment(join(directory, "jobs"));
        assert.deepEqual(
          threads.flatMap(({ waits }) => waits.map(({ kind, name }) => [kind, name])).sort(),
          [["flag", "go"], ["lock", "lock"]],
        );
        end.abort();
        await assert.rejects(wait);
      }),
  );

  it("takes no slot and no lock, and changes no byte", () =>
    inScratchFolder((directory) => {
      using segment = Segment.open("jobs", { directory });
      using guard = segment.mutex("lock").acquireSync();
      const before = readFileSync(join(directory, "jobs"));
      assert.deepEqual(inspectSegment(join(directory, "jobs")).slots, segment.slots);
      assert.ok(readFileSync(join(directory, "jobs")).equals(before));
      assert.equal(segment.slots.used, 1);
      assert.ok(guard.held);
    }));

  it("shows what a damaged segment still says, and never throws anything else", () =>
    inScratchFolder((directory) => {
      const path = join(directory, "jobs");
      {
        using segment = Segment.open("jobs", { directory });
        for (const name of ["a", "b", "c"]) segment.counter(name);
        segment.array("d", 3);
        const random = randomOf(23);
        const good = readFileSync(path);
        const word = () => [0, -1, 0x7fffffff, 1 << 30][Math.floor(random() * 5)] ?? random() * 1e6;
        for (let i = 0; i < 300; i++) {
          const bad = Buffer.from(good);
          const parts = [[0, 400], [HEADER.firstSlot, 2 * SLOT.bytes], [HEADER.end, 2000]];
          const [start, size] = parts[i % parts.length];
          for (let words = 0; words < 4; words++) {
            bad.writeInt32LE(word() | 0, start + (Math.floor(random() * size) & ~3));
          }
          writeFileSync(join(directory, "bad"), bad, { mode: 0o600 });
          const { error, cells } = viewSegment("bad", join(directory, "bad"));
          assert.ok(error === undefined ? Array.isArray(cells) : /Cannot /.test(error), `${error}`);
        }
      }
      const bad = readFileSync(path);
      const newest = bad.readUInt32LE(HEADER.newest) - 1 + HEADER.end;
      const next = bad.readUInt32LE(newest) - 1 + HEADER.end;
      bad[next + 20] ^= 1; // In the name of "c".
      writeFileSync(path, bad);
      const { cells, damage, slots } = inspectSegment(path);
      assert.deepEqual(cells.map(({ name }) => name), ["d"]);
      assert.match(damage!, /checksum of the record/);
      assert.equal(slots.limit, 1023);
    }));
});

describe("inspectSegments", () => {
  it("lists damaged segments with the reason, and leaves out other files", () =>
    inScratchFolder((directory) => {
      for (const name of ["fine", "short", "stripped"]) Segment.open(name, { directory }).close();
      truncateSync(join(directory, "short"), HEADER.end);
      truncateSync(join(directory, "stripped"), 8);
      writeFileSync(join(directory, "other"), "text");
      writeFileSync(join(directory, "empty"), "");
      const found = inspectSegments(directory);
      assert.deepEqual(found.map(({ name }) => name), ["fine", "short", "stripped"]);
      assert.equal(found[0].error, undefined);
      assert.match(found[1].error!, /its header says \d+ bytes, and it has 266240/);
      assert.match(found[2].error!, /it has 8 bytes, fewer than/);
      assert.deepEqual(inspectSegments(join(directory, "missing")), []);
    }));

  it("does not follow a lock that no name has", () =>
    inScratchFolder((directory) => {
      using segment = Segment.open("placed", { directory });
      using _guard = new Mutex(segment.memory, 4096).acquireSync();
      assert.deepEqual(inspectSegment(join(directory, "placed")).cells, []);
    }));

  it("names a read-write lock for which readers and a writer wait", () =>
    inScratchFolder(async (directory) => {
      using segment = Segment.open("jobs", { directory });
      const lock = segment.rwLock("lock");
      for (const shared of [true, false]) {
        const guard = lock.acquireSync({ shared: !shared });
        const waiting = lock.acquire({ shared });
        const found = await until("the wait", () => {
          const found = inspectSegment(join(directory, "jobs"));
          return found.threads[0].waits.length > 0 && found;
        });
        guard.release();
        (await waiting).release();
        assert.deepEqual(found.cells.map(({ waiters }) => waiters.length), [1]);
        assert.deepEqual(found.threads[0].waits.map(({ name }) => name), ["lock"]);
      }
    }));
});
