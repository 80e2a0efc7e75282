import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { addTogether, giveUpAtRandom, holdTogether, killAtRandom } from "./runs.ts";

const LIMIT = { timeout: 60_000 };
const TRIES = 4;
/** `deno task soak` does all this for 50 times as long. */
const [ADDS, HOLDS, KILLS, ABORTS] = [20_000, 200, 20, 300];

function seeded(body: (folder: string, seed: number) => Promise<void>): () => Promise<void> {
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

describe("Processes of all runtimes together", () => {
  it("add up exactly", LIMIT, seeded((folder) => addTogether(folder, ADDS)));

  it(
    "exclude each other, and each other's workers",
    LIMIT,
    seeded((folder, seed) => holdTogether(folder, HOLDS, seed)),
  );

  it(
    "recover the locks of processes that are killed at random moments",
    LIMIT,
    seeded(async (_folder, seed) => {
      // By chance, no killed process may have held a lock: then try again.
      for (let i = 0; i < TRIES; i++) {
        const once = (round: number) => round < KILLS;
        const { recovered, max } = await inScratchFolder((folder) =>
          killAtRandom(folder, once, seed + i)
        );
        if (recovered === 0) continue;
        assert.ok(max < 5000, `a recovery took ${max} ms`);
        return;
      }
      assert.fail(`${TRIES * KILLS} were killed, and none of them held anything`);
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
