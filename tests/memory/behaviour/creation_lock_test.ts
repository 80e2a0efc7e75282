import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Memory } from "../../../src/memory/mod.ts";
import { randomOf } from "../../support/random.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { Thread } from "../../support/thread.ts";
import { NO_THREAD_END } from "../../support/thread_end.ts";

const MODULE = new URL("../fixtures/opening_worker.ts", import.meta.url);

describe("The creation lock of a memory", () => {
  it(
    "is free after a worker that opened the file was terminated",
    { timeout: 60_000, skip: NO_THREAD_END },
    () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "memory");
        const random = randomOf(9);
        for (let i = 0; i < 8; i++) {
          const thread = new Thread(MODULE);
          thread.post(path);
          assert.equal(await thread.next(), "goes on");
          await new Promise((resolve) => setTimeout(resolve, 30 * random()));
          thread.end();
          Memory.map(path, 1000).close(); // Throws after 10 s if the lock is held.
        }
      }),
  );
});
