import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  closeFile,
  futexWait,
  futexWake,
  mapFile,
  openRegularFile,
  PAGE,
  reserve,
  unmap,
} from "../../../src/runtime/mod.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { race, type Thread, withThreads } from "../../support/thread.ts";

const DEADLINE = { timeout: 60_000 };
const SLEEPER = new URL("../fixtures/sleeping_worker.ts", import.meta.url);
/** Longer than any test: a sleep that does not end by itself. In milliseconds. */
const LONG = 120_000;

function withWord(
  body: (word: Int32Array, address: number, path: string) => void | Promise<void>,
): Promise<void> {
  return inScratchFolder(async (folder) => {
    const path = join(folder, "file");
    const fd = openRegularFile(path);
    reserve(fd, path, PAGE);
    const mapping = mapFile(fd, path, PAGE);
    closeFile(fd);
    try {
      await body(new Int32Array(mapping.buffer, mapping.base, 2), mapping.address, path);
    } finally {
      unmap(mapping, PAGE);
    }
  });
}

describe("A sleep on a word", () => {
  it(
    "does not begin if the word has another value than expected",
    DEADLINE,
    () =>
      withWord((word, address) => {
        const before = performance.now();
        for (const [value, expected] of [[0, 1], [1, 0], [-1, 1], [0x7fffffff, -1], [2, -2]]) {
          word[0] = value;
          futexWait(address, expected, LONG);
        }
        assert.ok(performance.now() - before < LONG / 2, "it slept");
      }),
  );

  it("ends when its time is over", DEADLINE, () =>
    withWord((word, address) => {
      for (const value of [0, 1, -1, -2147483648, 2147483647]) {
        word[0] = value;
        for (const milliseconds of [0, 0.5, 3, 1.25]) futexWait(address, value, milliseconds);
      }
      assert.equal(futexWake(address, 1), 0);
    }));

  it(
    "is ended by a wake, which returns how many it woke",
    DEADLINE,
    () =>
      withWord(async (_word, address, path) => {
        await withThreads(3, SLEEPER, async (threads) => {
          const woken = race<string>(
            threads,
            threads.map(() => ({ path, at: 0, milliseconds: LONG })),
          );
          assert.equal(await wakeAll(address, 3), 3);
          assert.deepEqual(await woken, ["woken", "woken", "woken"]);
          assert.equal(futexWake(address, 3), 0);
        });
      }),
  );

  it("on another word goes on", DEADLINE, () =>
    withWord(async (word, address, path) => {
      await withThreads(1, SLEEPER, async (threads: readonly Thread[]) => {
        const woken = race<string>(threads, [{ path, at: 4, milliseconds: LONG }]);
        assert.equal(futexWake(address, 1), 0);
        assert.equal(await wakeAll(address + 4, 1), 1);
        assert.equal(futexWake(address, 1), 0);
        assert.deepEqual(await woken, ["woken"]);
        assert.equal(word[1], 0);
      });
    }));
});

/** Wakes one by one until `count` were woken, since a sleeper may not be asleep yet. */
async function wakeAll(address: number, count: number): Promise<number> {
  let woken = 0;
  while (woken < count) {
    const now = futexWake(address, 1);
    assert.ok(now === 0 || now === 1, `woke ${now} instead of at most 1`);
    woken += now;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return woken;
}
