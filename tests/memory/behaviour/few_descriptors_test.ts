import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Segment } from "../../../src/memory/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { executableOf, RUN } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { StartedUnder } from "../../support/started_under.ts";
import { until } from "../../support/until.ts";
import { type Awaited, BARRIER, CHANNEL } from "../fixtures/few_descriptors_waits_process.ts";

const LIMIT = { timeout: 60_000 };
const FEW = fileURLToPath(new URL("../fixtures/few_descriptors_waits_process.ts", import.meta.url));
const HERE = [executableOf(adapter.name)!, ...RUN[adapter.name]];

/** What this thread does before the other process waits, and then to end its wait. */
interface Part {
  before?(few: Segment): unknown;
  /** Ends the wait; returns what the other process gets. */
  end(few: Segment): unknown;
  /** Checks what is left after the other process was killed while it waited. */
  afterDeath(few: Segment): unknown;
}

let finish: (value?: string) => void;
const untilFinished = () => new Promise<string | undefined>((resolve) => finish = resolve);
const channelOf = (few: Segment) => few.channel<number>("channel", CHANNEL);
const conditionOf = (few: Segment) => few.condition("condition", few.mutex("mutex"));

const PARTS: Readonly<Record<Awaited, Part>> = {
  receive: {
    end: (few) => {
      channelOf(few).sendSync(1);
      return 1;
    },
    afterDeath: (few) => {
      channelOf(few).sendSync(1);
      assert.equal(channelOf(few).receiveSync(), 1);
    },
  },
  send: {
    before: (few) => channelOf(few).sendSync(1),
    end: async (few) => {
      assert.deepEqual([channelOf(few).receiveSync(), await channelOf(few).receive()], [1, 2]);
    },
    afterDeath: (few) => {
      assert.equal(channelOf(few).receiveSync(), 1);
      assert.deepEqual([channelOf(few).size, channelOf(few).lost], [0, 0]);
    },
  },
  condition: {
    end: (few) => void until("the waiter", () => conditionOf(few).notify() === 1),
    afterDeath: async (few) => {
      using guard = await few.mutex("mutex").acquire({ timeout: 20_000 });
      const wait = conditionOf(few).wait(guard, { timeout: 20_000 });
      await until("a waiter", () => conditionOf(few).notify() === 1);
      await wait;
      assert.equal(conditionOf(few).waiting, 0);
    },
  },
  barrier: {
    end: async (few) => {
      assert.equal(await few.barrier("barrier", BARRIER).wait(), 1);
      return 0;
    },
    // As new, since no party lives.
    afterDeath: async (few) => {
      const barrier = few.barrier("barrier", BARRIER);
      assert.deepEqual(await Promise.all([barrier.wait(), barrier.wait()]), [0, 1]);
    },
  },
  once: {
    before: (few) => void few.once("once").get(untilFinished),
    end: () => {
      finish("made");
      return "made";
    },
    afterDeath: async (few) => {
      finish("made");
      assert.equal(await few.once("once").get(() => "again"), "made");
    },
  },
  lock: {
    before: (few) => void few.locks.request("lock", untilFinished),
    end: () => {
      finish();
      return "mine";
    },
    afterDeath: async (few) => {
      await until("the death", async () => (await few.locks.query()).pending.length === 0);
      finish();
      assert.equal(await few.locks.request("lock", () => "granted"), "granted");
    },
  },
};

describe("With a single free descriptor, a process waits", () => {
  for (const [what, { before, end, afterDeath }] of Object.entries(PARTS)) {
    for (const way of ["blocking its thread", "by a task"]) {
      it(
        `for a ${what}, ${way}; its death leaves nothing behind`,
        LIMIT,
        () =>
          inScratchFolder(async (directory) => {
            for (const isKilled of [false, true]) {
              const few = Segment.open("few", { directory });
              await before?.(few);
              const task = way === "by a task" ? ["task"] : [];
              await using child = new StartedUnder("prlimit", [
                "--nofile=128",
                ...HERE,
                FEW,
                directory,
                what,
                ...task,
              ]);
              await until(
                "the wait",
                () => few.threads().some(({ owner, waits }) => isOther(owner) && waits.length > 0),
              );
              if (isKilled) {
                child.child.kill("SIGKILL");
                await until(
                  "the death",
                  () => few.threads().every((one) => !isOther(one.owner) || one.isGone),
                );
                await afterDeath(few);
              } else {
                const got = await end(few);
                assert.deepEqual(JSON.parse(await child.line()), got === undefined ? {} : { got });
              }
              Segment.remove("few", { directory });
            }
          }),
      );
    }
  }
});

function isOther({ pid }: { pid: number }): boolean {
  return pid !== process.pid;
}
