import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { addTogether, giveUpAtRandom, holdTogether, killAtRandom } from "./fixtures/stress_runs.ts";

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
    "exclude each other, their workers too",
    LIMIT,
    seeded((folder, seed) => holdTogether(folder, HOLDS, seed)),
  );

  it(
    "survive each other, whenever one is killed",
    LIMIT,
    seeded(async (_folder, seed) => {
      // By chance, nobody may have held anything when it was killed: then once more.
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
    "lose no lock and give none twice when one gives up as it comes",
    LIMIT,
    seeded(async (folder, seed) => {
      const gaveUp = await giveUpAtRandom(folder, ABORTS, seed);
      assert.ok(gaveUp > 0 && gaveUp < ABORTS, `${gaveUp} of ${ABORTS} gave up`);
    }),
  );
});
