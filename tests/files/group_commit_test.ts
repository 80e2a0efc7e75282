import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  closeSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { FileCounter } from "../../mod.ts";
import { libc } from "../../src/runtime/mod.ts";
import { Child } from "../support/child.ts";
import { runtimesHere } from "../support/runtimes_here.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { until } from "../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const ADDER = new URL("./fixtures/durable_process.ts", import.meta.url);

/** The words that the processes share; see src/files/shared_sync.ts. */
function wordsOf(path: string): { written: number; synced: number; syncs: number } {
  const bytes = readFileSync(`${path}.commit`);
  const [written, synced, syncs] = [128, 256, 384].map((at) => bytes.readInt32LE(at));
  return { written, synced, syncs };
}

function valueOf(path: string): number {
  using counter = new FileCounter(path);
  return counter.getSync();
}

/** Sets how long the last sync took, in milliseconds; waiters are patient for eight times as long. */
function setSyncTook(path: string, time: number): void {
  const fd = openSync(`${path}.commit`, "r+");
  writeSync(fd, Int32Array.of(time * 1000), 0, 4, 392);
  closeSync(fd);
}

/**
 * Starts an adder whose sync does not end, and one of each runtime that adds meanwhile.
 *
 * @param isPatient Whether the others wait for the leader for seconds.
 * @param more How many writes `body` makes.
 */
async function behindSlowSync(
  path: string,
  isPatient: boolean,
  body: (leader: Child, others: readonly Child[]) => Promise<void>,
  more = 0,
): Promise<void> {
  await using leader = Child.here(ADDER, path, "slow");
  assert.equal(await leader.line(), "syncing");
  if (isPatient) setSyncTook(path, 1000);
  const others = runtimesHere().map((runtime) => Child.in(runtime, ADDER, path, "once"));
  try {
    // They add at the same time: none runs out of patience while another one starts.
    for (const child of others) assert.equal(await child.line(), "ready");
    for (const child of others) child.tell("go");
    await until("all writes", () => valueOf(path) === 1 + others.length);
    await until("all numbers", () => wordsOf(path).written === 1 + others.length);
    if (isPatient) assert.equal(wordsOf(path).synced, 0);
    await body(leader, others);
    assert.equal(valueOf(path), 1 + others.length);
    assert.equal(wordsOf(path).synced, 1 + others.length + more);
  } finally {
    for (const child of others) await child[Symbol.asyncDispose]();
  }
}

describe("group commit", () => {
  it(
    "syncs once for all writes that were made during the last sync",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        await behindSlowSync(path, true, async (leader, others) => {
          leader.tell("go on");
          for (const child of [leader, ...others]) assert.equal(await child.line(), "done");
          // One more event comes from a leader that found all writes synced.
          if (others.length > 2) assert.ok(wordsOf(path).syncs < 1 + others.length);
        });
      }),
  );

  it(
    "goes on if a leader is killed in its sync",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        await behindSlowSync(path, true, async (leader, others) => {
          leader.kill("SIGKILL");
          for (const child of others) assert.equal(await child.line(), "done");
          assert.equal((await leader.ended).signal, "SIGKILL");
        });
      }),
  );

  it(
    "goes on if a leader is stopped in its sync, and also when that one goes on",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        await behindSlowSync(path, false, async (leader, others) => {
          leader.stop("SIGSTOP");
          for (const child of others) assert.equal(await child.line(), "done");
          {
            using counter = new FileCounter(path, { durable: true });
            counter.addSync(2);
            assert.equal(await counter.add(-2), 1 + others.length);
          }
          leader.stop("SIGCONT");
          leader.tell("go on");
          assert.equal(await leader.line(), "done");
          assert.equal(wordsOf(path).written, 3 + others.length);
        }, 2);
      }),
  );

  it(
    "loses no acknowledged add while adders are killed",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        const runtimes = runtimesHere();
        const start = (i: number) =>
          Child.in(runtimes[i % runtimes.length], ADDER, path, "forever");
        const children = [0, 1, 2].map(start);
        let acknowledged = 0;
        let killed = 0;
        const hear = async (child: Child) => {
          await child.line();
          acknowledged++;
        };
        try {
          for (let round = 0; round < 6; round++) {
            for (const child of children) await hear(child);
            const [victim] = children.splice(0, 1);
            for (let n = Math.random() * 30; n > 0; n--) await hear(victim);
            victim.kill("SIGKILL");
            killed++;
            while (await hear(victim).then(() => true, () => false));
            // The others go on.
            for (const child of children) for (let n = 0; n < 100; n++) await hear(child);
            children.push(start(round));
          }
        } finally {
          for (const child of children) {
            child.kill("SIGKILL");
            killed++;
            while (await hear(child).then(() => true, () => false));
          }
        }
        // The last line of a killed process may be cut off.
        assert.ok(
          valueOf(path) >= acknowledged - killed,
          `${acknowledged} were acknowledged, ${valueOf(path)} are in the file`,
        );
      }),
  );

  it("starts again whatever the file says", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      {
        using counter = new FileCounter(path, { durable: true });
        counter.addSync();
      }
      const bytes = readFileSync(`${path}.commit`);
      for (const [written, synced] of [[5, 1000], [0, 2 ** 31 - 1], [-1, 7], [2 ** 31 - 1, 0]]) {
        // A loss of power can leave one of the words on the storage and not the other.
        bytes.writeInt32LE(written, 128);
        bytes.writeInt32LE(synced, 256);
        bytes.writeInt32LE(1000, 388); // The size of the last group.
        bytes.writeInt32LE(-1, 392);
        writeFileSync(`${path}.commit`, bytes);
        using counter = new FileCounter(path, { durable: true });
        const { fdatasync } = libc;
        let syncs = 0;
        const count = (fd: number) => {
          syncs++;
          return fdatasync(fd);
        };
        Object.defineProperty(libc, "fdatasync", { value: count, configurable: true });
        try {
          for (let i = 1; i <= 3; i++) {
            counter.addSync();
            assert.equal(syncs, i, `${written}, ${synced}`);
          }
        } finally {
          Object.defineProperty(libc, "fdatasync", { value: fdatasync, configurable: true });
        }
      }
    }));

  it("does not trust a file that other users may write to, unless they may write to the counter", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      new FileCounter(path, { durable: true }).close();
      chmodSync(`${path}.commit`, 0o602);
      const open = () => new FileCounter(path, { durable: true });
      assert.throws(open, /count\.commit".*: other users may write to it.*mode is 602\. Remove it/);
      chmodSync(path, 0o602);
      open().close();
    }));

  const needsRoot = process.getuid!() !== 0 &&
    "only ROOT gives files to others: this was NOT TESTED";
  it(
    "does not trust a file of another user",
    { skip: needsRoot },
    () =>
      inScratchFolder((folder) => {
        const path = join(folder, "count");
        new FileCounter(path, { durable: true }).close();
        chownSync(`${path}.commit`, 1234, 1234);
        // Only a writer of the counter can have made it here, also if a link leads to the folder.
        symlinkSync(folder, join(folder, "link"));
        new FileCounter(join(folder, "link", "count"), { durable: true }).close();
        chmodSync(folder, 0o777);
        const open = () => new FileCounter(path, { durable: true });
        assert.throws(open, /count\.commit".*: it belongs to user 1234\. Remove it/);
        chownSync(path, 1234, 1234);
        open().close(); // The owner of the counter can do worse to it.
      }),
  );

  it("refuses and keeps a file with other contents", () =>
    inScratchFolder((folder) => {
      const path = join(folder, "count");
      writeFileSync(`${path}.commit`, "a letter");
      assert.throws(() => new FileCounter(path, { durable: true }), /count\.commit.*Remove it/);
      assert.equal(readFileSync(`${path}.commit`, "utf8"), "a letter");
      // A loss of power can leave zeros in a new file.
      writeFileSync(`${path}.commit`, new Uint8Array(4096));
      using counter = new FileCounter(path, { durable: true });
      counter.addSync();
      assert.equal(counter.getSync(), 1);
    }));
});

for (const durable of [false, true]) {
  describe(`FileCounter.add, ${durable ? "durable" : "not durable"}`, () => {
    it(
      "adds for many tasks, with fewer writes than adds",
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "count");
          using counter = new FileCounter(path, { durable });
          const { pwrite } = libc;
          let writes = 0;
          const value = (...args: Parameters<typeof pwrite>) => {
            writes++;
            return pwrite(...args);
          };
          Object.defineProperty(libc, "pwrite", { value, configurable: true });
          try {
            await Promise.all(Array.from({ length: 50 }, async () => {
              for (let i = 0; i < 10; i++) {
                await counter.add(2);
                if (durable) assert.equal(wordsOf(path).synced, wordsOf(path).written);
              }
            }));
          } finally {
            Object.defineProperty(libc, "pwrite", { value: pwrite, configurable: true });
          }
          assert.equal(counter.getSync(), 1000);
          assert.ok(writes >= 10 && writes <= 50, `${writes} writes for 500 adds`);
        }),
    );

    it(
      "refuses one add without the others of its group",
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "count");
          using counter = new FileCounter(path, { durable });
          counter.setSync(Number.MAX_SAFE_INTEGER - 2);
          const adds = [1, 5, 1].map((n) => counter.add(n));
          await Promise.all([
            adds[0],
            assert.rejects(adds[1], RangeError),
            adds[2],
            assert.rejects(counter.add(0.5), TypeError),
          ]);
          assert.equal(counter.getSync(), Number.MAX_SAFE_INTEGER);
          writeFileSync(path, "damaged");
          await Promise.all([1, 2].map((n) => assert.rejects(counter.add(n), SyntaxError)));
          assert.equal(readFileSync(path, "utf8"), "damaged");
          writeFileSync(path, "7\n");
          await counter.add();
          assert.equal(counter.getSync(), 8);
        }),
    );

    it(
      "writes and syncs all adds when it is closed",
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "count");
          const counter = new FileCounter(path, { durable });
          await counter.add();
          const first = counter.add(10); // On its way to the storage.
          await Promise.resolve();
          const second = counter.add(100);
          counter.close();
          assert.equal(valueOf(path), 111);
          if (durable) assert.equal(wordsOf(path).synced, wordsOf(path).written);
          await Promise.all([first, second]);
          await assert.rejects(counter.add(), TypeError);
          assert.equal(valueOf(path), 111);
        }),
    );
  });
}

describe("FileCounter.add", () => {
  it(
    "lets the process end when its tasks are done",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "count");
        const children = runtimesHere().map((runtime) => Child.in(runtime, ADDER, path, "tasks"));
        for (const child of children) {
          assert.deepEqual(await child.ended, { code: 0, signal: null, stderr: "" });
        }
        assert.equal(valueOf(path), 100 * children.length);
      }),
  );

  it("shares its syncs with other processes", DEADLINE, () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "count");
      using counter = new FileCounter(path, { durable: true });
      await counter.add(); // Starts the helper.
      await using leader = Child.here(ADDER, path, "slow");
      assert.equal(await leader.line(), "syncing");
      const adds = Array.from({ length: 20 }, () => counter.add());
      await until("the write", () => counter.getSync() === 22);
      leader.kill("SIGKILL");
      await Promise.all(adds);
      assert.equal(wordsOf(path).synced, wordsOf(path).written);
    }));
});
