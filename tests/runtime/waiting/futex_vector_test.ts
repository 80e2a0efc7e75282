import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  closeFile,
  futexWake,
  mapFile,
  openRegularFile,
  PAGE,
  reserve,
  unmap,
} from "../../../src/runtime/mod.ts";
import { FutexVector } from "../../../src/runtime/waiting/futex_vector.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { race, withThreads } from "../../support/thread.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 60_000 };
const SLEEPER = new URL("../fixtures/vector_worker.ts", import.meta.url);
/** Longer than any test: a sleep that does not end by itself. In milliseconds. */
const LONG = 120_000;

function withWords(
  body: (words: Int32Array, address: number, path: string) => void | Promise<void>,
): () => Promise<void> {
  return () =>
    inScratchFolder(async (folder) => {
      const path = join(folder, "file");
      const fd = openRegularFile(path);
      reserve(fd, path, PAGE);
      const mapping = mapFile(fd, path, PAGE);
      closeFile(fd);
      try {
        await body(new Int32Array(mapping.buffer, mapping.base, 3), mapping.address, path);
      } finally {
        unmap(mapping, PAGE);
      }
    });
}

describe("A sleep on several words", () => {
  it(
    "does not begin if one of them has another value than expected",
    DEADLINE,
    withWords((words, address) => {
      const vector = new FutexVector(3);
      for (const [i, value, expected] of [[0, 1, 0], [1, 0, 1], [2, -1, 1], [2, 0x7fffffff, -1]]) {
        words.fill(0);
        for (const k of [0, 1, 2]) vector.set(k, address + 4 * k, 0);
        words[i] = value;
        vector.set(i, address + 4 * i, expected);
        assert.equal(vector.sleep(3, LONG), "changed");
        assert.deepEqual(vector.get(i), [address + 4 * i, expected >>> 0]);
      }
    }),
  );

  it(
    "ends when its time is over",
    DEADLINE,
    withWords((words, address) => {
      const vector = new FutexVector(2);
      words.set([-1, 7]);
      vector.set(0, address, -1);
      vector.set(1, address + 4, 7);
      for (const milliseconds of [0, 0.5, 3, 1.25]) {
        assert.equal(vector.sleep(2, milliseconds), "over");
      }
      assert.equal(futexWake(address, 1), 0);
    }),
  );

  it(
    "is ended by a wake, and tells of which word",
    DEADLINE,
    withWords(async (_words, address, path) => {
      for (const i of [0, 1, 2]) {
        await withThreads(1, SLEEPER, async (threads) => {
          const woken = race<number>(threads, [{ path, count: 3, milliseconds: LONG }]);
          await until("the sleeper", () => futexWake(address + 4 * i, 1) === 1);
          assert.deepEqual(await woken, [i]);
        });
      }
    }),
  );
});
