import { SharedSync } from "../../src/files/shared_sync.ts";
import { HEADER } from "../../src/memory/layout.ts";
import { step } from "./actor.ts";
import type { Scenario } from "./explore.ts";
import { World } from "./world.ts";

/** The indexes of the shared words that are used. */
const WORDS = [32, 64, 96, 97, 98, 99];
/** Notes: how many writes were made, how many are on the storage, and which actor leads, plus 1. */
const [WRITES, STORED, LEADER] = [3, 4, 5];

/** A step on the notes that returns a number. */
function act(kind: string, run: () => number): number {
  return step({ kind, at: 0, args: [], run }) as number;
}

function syncScenario(
  name: string,
  adds: readonly number[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(0, 3);
  const { notes } = world;
  const words = new Int32Array(world.buffer, HEADER.end, 128);
  const make = (actor: number) => {
    return new SharedSync({
      words,
      sleep: (index, expected, time) => void Atomics.wait(words, index, expected, time),
      wakeAll: (index) => void Atomics.notify(words, index, 2 ** 31 - 1),
      // The kernel's lock.
      tryLead: () =>
        act("tries to lead", () => {
          if (notes[LEADER] !== 0) return 0;
          notes[LEADER] = actor + 1;
          return 1;
        }) === 1,
      endLead: () => void act("leads no more", () => notes[LEADER] = 0),
      sync() {
        const writes = act("begins a sync", () => notes[WRITES]);
        act("ends it", () => notes[STORED] = Math.max(notes[STORED], writes));
      },
    });
  };
  return {
    name: `shared sync: ${name}`,
    ...world.parts(adds.map((count, actor) => () => {
      const shared = make(actor);
      return () => {
        for (let i = 0; i < count; i++) {
          // One step, since it is done under the lock of the counter.
          const number = act("writes", () => {
            notes[WRITES]++;
            return shared.written();
          });
          shared.await(number);
          act("is sure", () => {
            if (notes[STORED] < number) throw new Error("a write is not on the storage");
            return 0;
          });
        }
      };
    })),
    words: WORDS.map((index) => HEADER.end + 4 * index),
    onDeath(actor) {
      if (notes[LEADER] === actor + 1) notes[LEADER] = 0;
    },
    checkEnd: () => notes[LEADER] === 0 ? undefined : "an actor leads at the end",
    ...more,
  };
}

/** The scenarios of the syncs that adders share. */
export function syncScenarios(): Scenario[] {
  return [
    syncScenario("two add", [1, 1]),
    syncScenario("two add, one dies", [1, 1], { deaths: 1 }),
  ];
}
