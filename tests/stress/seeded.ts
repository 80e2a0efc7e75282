import assert from "node:assert/strict";
import { inScratchFolder } from "../support/scratch_folder.ts";
import type { Recoveries } from "./agents.ts";

/** A test with a random seed, which its error names, and a folder of its own. */
export function seeded(
  body: (folder: string, seed: number) => Promise<unknown>,
): () => Promise<void> {
  return () =>
    inScratchFolder(async (folder) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      try {
        await body(folder, seed);
      } catch (error) {
        throw new Error(`with the seed ${seed}`, { cause: error });
      }
    });
}

const TRIES = 4;

/**
 * A test that kills agents. By chance, none of them may have held a lock when it was killed: then it
 * is tried again.
 */
export function seededKills(
  kills: number,
  run: (
    folder: string,
    goesOn: (round: number) => boolean,
    seed: number,
  ) => Promise<Pick<Recoveries, "recovered">>,
): () => Promise<void> {
  return seeded(async (_folder, seed) => {
    for (let i = 0; i < TRIES; i++) {
      const { recovered } = await inScratchFolder((folder) =>
        run(folder, (round) => round < kills, seed + i)
      );
      if (recovered > 0) return;
    }
    assert.fail(`${TRIES * kills} were killed, and none of them held a lock`);
  });
}
