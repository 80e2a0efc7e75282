import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seeded, seededKills } from "../seeded.ts";
import {
  addTogether,
  giveUpAtRandom,
  handOver,
  holdTogether,
  killAtRandom,
  meetTogether,
} from "./runs.ts";

const LIMIT = { timeout: 110_000 };
/** In each of three runtimes; `deno task soak` does all this for 100 times as long. */
const [ADDS, HOLDS, KILLS, ABORTS] = [10_000, 100, 10, 150];
/** Passes of a barrier, and turns by a condition; `deno task soak` does 100,000 of each. */
const [PASSES, TURNS] = [2000, 2000];

describe("Processes of all runtimes together", () => {
  it("add up exactly", LIMIT, seeded((folder) => addTogether(folder, ADDS)));

  it(
    "meet at a barrier, all of them each time",
    LIMIT,
    seeded((folder, seed) => meetTogether(folder, PASSES, seed)),
  );

  it(
    "hand turns to each other by a condition",
    LIMIT,
    seeded((folder, seed) => handOver(folder, TURNS, seed)),
  );

  it(
    "exclude each other, and each other's workers",
    LIMIT,
    seeded((folder, seed) => holdTogether(folder, HOLDS, seed)),
  );

  it(
    "recover the locks of processes that are killed at random moments",
    LIMIT,
    seededKills(KILLS, async (folder, goesOn, seed) => {
      const recoveries = await killAtRandom(folder, goesOn, seed);
      const { recovered, max } = recoveries;
      assert.ok(recovered === 0 || max < 5000, `a recovery took ${max} ms`);
      return recoveries;
    }),
  );

  it(
    "neither lose nor duplicate a lock when a wait is aborted as the grant comes",
    LIMIT,
    seeded(async (folder, seed) => {
      const gaveUp = await giveUpAtRandom(folder, ABORTS, seed);
      assert.ok(gaveUp > 0 && gaveUp < ABORTS, `${gaveUp} of ${ABORTS} gave up`);
    }),
  );
});
