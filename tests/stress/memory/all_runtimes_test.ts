import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seeded, seededKills } from "../seeded.ts";
import {
  addTogether,
  giveUpAtRandom,
  holdTogether,
  killAtChannel,
  killAtRandom,
  killHoldersOfPermits,
  killReadersAndWriters,
  killRequesters,
  meetTogether,
  takeTurns,
} from "./runs.ts";

const LIMIT = { timeout: 110_000 };
/** In each of three runtimes; `deno task soak` does all this for 100 times as long. */
const [ADDS, HOLDS, KILLS, ABORTS] = [10_000, 100, 10, 150];
/** 2 % of those of `deno task soak`. */
const MESSAGES = 200_000;
const READ_WRITE = { readers: 8, writers: 3 };
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
    seeded((folder, seed) => takeTurns(folder, TURNS, seed)),
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
    "send each other messages, each of which comes once, though some are killed",
    LIMIT,
    seeded((folder, seed) => killAtChannel(folder, MESSAGES, seed)),
  );

  it(
    "request locks by their names, and are killed at random moments",
    LIMIT,
    seededKills(KILLS, killRequesters),
  );

  it(
    "take no more permits than there are, though holders are killed",
    LIMIT,
    seededKills(KILLS, killHoldersOfPermits),
  );

  it(
    "read together and write alone, though readers and writers are killed",
    LIMIT,
    seededKills(
      KILLS,
      (folder, goesOn, seed) => killReadersAndWriters(folder, READ_WRITE, goesOn, seed),
    ),
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
