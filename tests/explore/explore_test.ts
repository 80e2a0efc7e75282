import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { adapter } from "../../src/runtime/mod.ts";
import { FILE_MUTANTS } from "../mutants/file_mutants.ts";
import { MEMORY_MUTANTS, type Mutant, mutant } from "../mutants/mutants.ts";
import { nextOf } from "./actor.ts";
import { explore, type Outcome } from "./explore.ts";
import { allScenarios } from "./scenarios.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const JS = "src/memory/atomics_js.ts";

/** Scenarios of too many states for a test: `deno task explore` has them, every night. */
const LONG = [
  "mutex: three lock",
  "mutex: three lock, one dies",
  "mutex: three lock, two die",
  "mutex: two lock, one tries, one dies",
  "mutex: two lock, one gives up",
  "mutex: one locks, two give up, one dies",
  "mutex: one locks, one aborts, one awaits",
  "mutex: one locks, two tasks of a thread await",
  "mutex: two lock, one awaits",
  "mutex: fair, one locks, one gives up, one dies",
  "mutex: fair, three lock",
  "flag: set, cleared, set",
  "locks: three request",
  "locks: two make the first requests, one dies",
  "locks: one requests, two share",
  "locks: two share, one tries",
  "locks: two request, one gives up",
  "locks: two share, one gives up",
  "locks: two share, one steals",
  "locks: two request, one steals",
  "locks: three request two names of one bucket",
  "locks: two await to share, one requests",
  "locks: two request, one aborts",
  "latch: one counts down, one gives up",
  "channel: full, one sends, one receives two",
  "channel: one sends two, one receives them in order",
  "channel: one sends, one receives, one dies",
  "channel: full, one sends, one receives, one dies",
  "channel: two try to send, one tries to receive, two die",
  "channel: one tries to send, two try to receive, two die",
  "channel: two send, one dies",
  "barrier: three meet",
  "condition: one notifies, one awaits",
  "condition: one notifies, one aborts",
  "condition: one notifies, one waits, one wakes for no reason",
  "once: two get it, one gives up",
  "semaphore: three wait for one permit",
  "semaphore: two want two permits",
  "semaphore: two want two permits, two die",
  "semaphore: two wait for permits that come back at once",
  "rw lock: two upgrade",
  "rw lock: two upgrade, one dies",
  "rw lock: one is upgradable, one reads, one dies",
  "rw lock: one downgrades, one reads, one dies",
  "rw lock: two try to read, one tries to write",
  "rw lock: two try to read, one tries to write, one dies",
  "rw lock: one tries to read, two try to write, one dies",
  "rw lock: two try to read, one writes",
];

/** The mutants of the memory that concern its words, and a scenario that finds each. */
const FOUND: readonly (readonly [Mutant | string, string])[] = [
  ["no recovery", "mutex: two lock, one dies"],
  ["wake none", "mutex: two lock"],
  ["tasks not notified", "mutex: one locks, one awaits"],
  ["the next task is not woken", "mutex: one locks, two tasks of a thread await"],
  ["token not counted", "mutex: two lock"],
  ["takeover of a living owner", "mutex: two lock, one gives up"],
  ["died word not set", "mutex: two lock, one dies"],
  ["death thrown, lock kept", "mutex: a death is thrown"],
  ["recovered for ever", "mutex: two lock, one dies"],
  ["a waiter that gives up still asks", "mutex: fair, one locks, one gives up, one dies"],
  [
    "the death of a waiter that was handed the lock is reported",
    "mutex: fair, two lock, one dies",
  ],
  ["the permits of a dead holder stay taken", "semaphore: two wait for one permit, one dies"],
  ["a post wakes no waiter", "semaphore: two wait for one permit, one wakes for no reason"],
  ["a woken waiter passes no wake on", "semaphore: two wait for permits that come back at once"],
  ["a waiter looks before it tells of itself", "semaphore: two wait for one permit"],
  ["waiting tasks are not told of a signal", "semaphore: one waits, one awaits, one dies"],
  ["a reader looks at the gate before it tells of itself", "rw lock: one reads, one writes"],
  ["a writer looks for readers before it closes the gate", "rw lock: one reads, one writes"],
  ["the last reader wakes no writer", "rw lock: one reads, one writes"],
  ["a writer wakes no readers", "rw lock: one reads, one writes"],
  ["a dead writer is forgotten by a reader", "rw lock: one reads, one writes, one dies"],
  ["a dead reader is counted", "rw lock: one reads, one writes, one dies"],
  ["an upgrade with other readers inside", "rw lock: two upgrade"],
  [
    "a downgrade that tells no writer of the reader",
    "rw lock: one downgrades, one writes, one dies",
  ],
  ["a writer that gives up keeps the gate closed", "rw lock: both try, one dies"],
  ["the last count of a latch wakes no waiter", "latch: two count down, one waits"],
  ["two counts of a latch at once count once", "latch: two count down, one waits"],
  ["a message is published before it is written", "channel: one sends, one receives"],
  ["a sender wakes no receiver", "channel: one sends, one receives"],
  ["a receiver wakes no sender", "channel: full, one sends, one receives"],
  [
    "a death of a sender is not counted",
    "channel: two try to send, one tries to receive, two die",
  ],
  [
    "a receiver marks a message before it takes it",
    "channel: one tries to send, two try to receive, two die",
  ],
  ["a turn is left without a look for waiters", "channel: two send"],
  ["a close between the look and the message is overwritten", "channel: one sends, one closes"],
  ["a close wakes no receiver", "channel: one closes, one receives"],
  ["a waiter that died keeps its notification", "condition: one that was notified dies, one waits"],
  ["a notification wakes no thread", "condition: two are notified"],
  ["a wait for a condition returns without its mutex", "condition: one notifies, one gives up"],
  ["the last to arrive at a barrier wakes no other", "barrier: two meet"],
  ["two that arrive at a barrier at once count once", "barrier: two meet"],
  ["a barrier does not break when a party dies", "barrier: two meet, one dies"],
  ["a request for a name overtakes those that wait", "locks: one requests, one shares, one dies"],
  ["an end of a request grants nothing", "locks: two request"],
  ["a name keeps its bytes after its last request", "locks: two request two names"],
  ["a stolen lock is not taken from those that share it", "locks: two share, one steals"],
  ["the links between requests are not made anew after a death", "locks: two request, one dies"],
  [
    "links that are made anew leave those waiting that a dead thread was to grant the lock",
    "locks: two request, one dies",
  ],
  ["the state of a request is written before its owner", "locks: two request, one dies"],
  [
    "a request that waits never looks after the thread of the one before",
    "locks: two request, one dies",
  ],
  ["the lock of a dead thread is not available", "locks: one requests, one tries, one dies"],
  ["a request that gives up stays in the queue", "locks: one requests, one gives up"],
  ["a request that is aborted stays in the queue", "locks: one requests, one aborts"],
  ["a thief goes behind those that wait", "locks: two request, one steals"],
  [
    "a name is taken out of its bucket with those behind it",
    "locks: two request two names of one bucket",
  ],
  [
    "two threads that find no free block both add a chunk",
    "locks: two make the first requests",
  ],
  ["tasks are not told that they got a lock", "locks: one requests, one awaits"],
  ["lost carry in add64", "counter: three add at the carry"],
  ["generation not counted", "slots: two threads, one slot"],
  ["a slot is freed that has a new owner", "slots: two threads reclaim the slot of a dead one"],
  ["a sync counts for later writes", "shared sync: two add"],
  [
    mutant(
      "taken without a compare-and-swap",
      JS,
      "    if (Atomics.compareExchange(words, word, 0, me) === 0) return this.taken(word);\n",
      "    if (Atomics.load(words, word) === 0) {\n      Atomics.store(words, word, me);\n      return this.taken(word);\n    }\n",
      [],
    ),
    "mutex: two lock",
  ],
];

// The source is the same in all runtimes, so each of them explores a part.
const part = ["deno", "bun", "node"].indexOf(adapter.name);
const mine = (_: unknown, i: number) => i % 3 === part;

async function outcomeOf(folder: string, name: string): Promise<Outcome> {
  const url = (path: string) => pathToFileURL(join(folder, "tests/explore", path)).href;
  const explorer: { explore: typeof explore } = await import(url("explore.ts"));
  const scenarios: { allScenarios: typeof allScenarios } = await import(url("scenarios.ts"));
  return await explorer.explore(scenarios.allScenarios().find((one) => one.name === name)!);
}

describe("every reachable state", () => {
  const short = allScenarios().filter(({ name, isTooLarge }) => {
    return !isTooLarge && !LONG.includes(name);
  });
  for (const scenario of short.filter(mine)) {
    it(`is right: ${scenario.name}`, async () => {
      const { fault, states, ends } = await explore(scenario);
      assert.equal(fault?.rule, undefined);
      assert.ok(states > 10 && ends > 0, `${states} states, ${ends} ends`);
    });
  }

  it("does not depend on what is left of another execution of an actor", async () => {
    const events: string[] = [];
    const { promise, reject } = Promise.withResolvers<void>();
    const waits = async () => {
      try {
        await promise;
      } finally {
        events.push("goes on");
      }
    };
    const next = await nextOf(() => waits, [], () => events.push("stops"), () => {
      reject(new Error("cleaned up"));
    });
    events.push("next execution");
    assert.equal(next.kind, "idle");
    assert.deepEqual(events, ["stops", "goes on", "next execution"]);
  });

  it("names long scenarios that there are", () => {
    const names = allScenarios().map(({ name }) => name);
    assert.deepEqual(LONG.filter((name) => !names.includes(name)), []);
  });

  for (const [which, scenario] of FOUND.filter(mine)) {
    const { name, changes } = typeof which === "string"
      ? [...MEMORY_MUTANTS, ...FILE_MUTANTS].find(({ name }) => name === which)!
      : which;
    it(`is wrong in the mutant "${name}": ${scenario}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), "interlock-explore-"));
      try {
        for (const path of ["src", "tests/explore"]) {
          cpSync(join(ROOT, path), join(folder, path), { recursive: true });
        }
        for (const { file, text, by } of changes) {
          const path = join(folder, file);
          const source = readFileSync(path, "utf8");
          assert.equal(source.split(text).length, 2, `${file} contains this once: ${text}`);
          writeFileSync(path, source.replace(text, () => by));
        }
        const { fault } = await outcomeOf(folder, scenario);
        assert.ok(fault !== undefined && fault.path.length > 0, "no fault was found");
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
