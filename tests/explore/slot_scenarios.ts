import { HEADER, SLOT, SLOTS } from "../../src/memory/layout.ts";
import { regionOf } from "../../src/memory/memory.ts";
import { SlotTable } from "../../src/memory/slot_table.ts";
import { ThreadRegistry } from "../../src/memory/thread_registry.ts";
import type { Scenario } from "./explore.ts";
import { World } from "./world.ts";

/** What the threads of anonymous memory write to their slots. */
const CONTENTS = { thread: undefined, runtime: 1 };

/** The note of the identity that was given last. */
const LAST = 3;

/** The slots that are free at the beginning: the first ones. */
function slotScenario(
  name: string,
  actors: number,
  free: number,
  times: number,
  more: Partial<Scenario> & { reclaims?: boolean } = {},
): Scenario {
  const world = new World(0, actors + 1);
  const at = (slot: number) => HEADER.firstSlot + (slot - 1) * SLOT.bytes;
  const words: number[] = [HEADER.search];
  for (let slot = 1; slot <= SLOTS; slot++) {
    // The others are in use.
    if (slot > free) world.write(at(slot) + SLOT.claim, -1);
    else words.push(...[SLOT.claim, SLOT.generation, SLOT.identity].map((word) => at(slot) + word));
  }
  if (more.reclaims) {
    // Slot 1 is that of a dead thread.
    world.write(at(1) + SLOT.claim, 1);
    world.write(at(1) + SLOT.identity, 1);
    world.write(at(1) + SLOT.gone, 1);
    words.push(at(1) + SLOT.gone);
  }
  const live = (actor: number) => LAST + 1 + actor;
  return {
    name: `slots: ${name}`,
    ...world.parts(Array.from({ length: actors }, (_, actor) => () => {
      const region = regionOf(world.open(actor));
      const table = new SlotTable(region);
      const registry = new ThreadRegistry(region);
      const claim = () => {
        if (more.reclaims) return claimOrNot(registry);
        const identity = table.take();
        if (identity !== undefined) table.write(identity, CONTENTS, () => false);
        return identity;
      };
      return () => {
        for (let i = 0; i < times; i++) {
          const identity = claim();
          if (identity === undefined) return;
          world.note("has a slot", () => {
            for (let other = 0; other < actors; other++) {
              const known = world.notes[live(other)];
              if (known !== 0 && (known & SLOTS) === (identity & SLOTS)) {
                throw new Error("two threads have one slot");
              }
            }
            if (table.find(identity) === undefined) {
              throw new Error("the slot has another identity");
            }
            if (world.notes[LAST] === identity) throw new Error("an identity is given twice");
            world.notes[LAST] = identity;
            world.notes[live(actor)] = identity;
          });
          world.note("frees its slot", () => void (world.notes[live(actor)] = 0));
          table.free(identity, identity);
        }
      };
    })),
    words,
    checkEnd() {
      for (let slot = 1; slot <= free; slot++) {
        const claim = world.read(at(slot) + SLOT.claim);
        if (claim !== 0 && !more.deaths) return `slot ${slot} is not free at the end`;
      }
      return undefined;
    },
    ...more,
  };
}

/** Claims a slot, if need be that of a dead thread; `undefined` if there is none. */
function claimOrNot(registry: ThreadRegistry): number | undefined {
  try {
    return registry.claim(undefined, false);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The scenarios of the slots. */
export function slotScenarios(): Scenario[] {
  return [
    slotScenario("two threads, one slot", 2, 1, 2),
    slotScenario("three threads, one slot", 3, 1, 1),
    slotScenario("three threads, two slots", 3, 2, 1),
    slotScenario("two threads reclaim the slot of a dead one", 2, 1, 1, { reclaims: true }),
    slotScenario("two threads, one slot, one dies", 2, 1, 2, { deaths: 1 }),
  ];
}
