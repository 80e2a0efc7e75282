import { BrokenBarrierError } from "../../src/contract/errors.ts";
import { Barrier } from "../../src/memory/barrier.ts";
import { BARRIER, HEADER, SLOT } from "../../src/memory/layout.ts";
import type { Scenario } from "./explore.ts";
import { identityOf, slotOf, World } from "./world.ts";

/** A note: which actors have arrived, or are about to: bits. */
const COMING = 3;
/** A note: which actors have passed. */
const PASSED = 4;

/** What an actor does with the barrier. */
type Part = (barrier: Barrier, world: World, actor: number) => unknown;

/** Notes that an actor comes, and that it goes on. */
function come(world: World, actor: number): void {
  world.note("comes", () => void (world.notes[COMING] |= 1 << actor));
}
function pass(world: World, actor: number, parties: number): void {
  world.note("goes on", () => {
    world.notes[PASSED] |= 1 << actor;
    let coming = 0;
    for (let bits = world.notes[COMING]; bits !== 0; bits &= bits - 1) coming++;
    if (coming < parties) throw new Error("an actor goes on before all have come");
  });
}

const meet: Part = (barrier, world, actor) => {
  come(world, actor);
  try {
    barrier.waitSync();
  } catch (error) {
    if (error instanceof BrokenBarrierError) return;
    throw error;
  }
  pass(world, actor, barrier.parties);
};
const brief: Part = (barrier) => void barrier.waitSync();
const twice: Part = (barrier) => {
  barrier.waitSync();
  barrier.waitSync();
};
const awaited: Part = async (barrier, world, actor) => {
  come(world, actor);
  try {
    await barrier.wait();
  } catch (error) {
    if (error instanceof BrokenBarrierError) return;
    throw error;
  }
  pass(world, actor, barrier.parties);
};
const timed: Part = (barrier, world, actor) => {
  come(world, actor);
  try {
    barrier.waitSync({ timeout: 3 });
  } catch (error) {
    if (error instanceof BrokenBarrierError || (error as Error).name === "TimeoutError") return;
    throw error;
  }
  pass(world, actor, barrier.parties);
};
const abort: Part = (barrier) => barrier.abort();

function barrierScenario(
  name: string,
  parts: readonly Part[],
  more: Partial<Scenario> & { parties?: number; action?: () => void } = {},
): Scenario {
  const { parties = parts.length, action, ...rest } = more;
  const world = new World(parts.length, 2);
  const at = HEADER.end;
  const cells = Array.from({ length: parties }, (_, i) => at + BARRIER.parties + 4 * i);
  for (const [actor, cell] of cells.entries()) world.write(cell, identityOf(actor));
  return {
    name: `barrier: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const barrier = new Barrier(world.open(actor), 0, { parties, action });
      return () => part(barrier, world, actor);
    })),
    words: [
      at + BARRIER.word,
      at + BARRIER.word + 16,
      at + BARRIER.state,
      at + BARRIER.broken,
      ...cells, // All have joined. The turn is no step: its holder is not interrupted.
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    timed: parts.flatMap((part, actor) => part === timed ? [actor] : []),
    onDeath: (actor) => world.kill(actor),
    checkEnd() {
      const state = world.read(at + BARRIER.state);
      if ((state & 0x400) !== 0) return undefined; // Broken.
      if ((state & 0x3ff) !== 0) return "some have arrived, and wait";
      return state >>> 16 === (parts[0] === twice ? 2 : 1) ? undefined : "not all have passed";
    },
    ...rest,
  };
}

/** The scenarios of the barrier. */
export function barrierScenarios(): Scenario[] {
  return [
    barrierScenario("two meet", [meet, meet]),
    barrierScenario("two meet twice", [twice, twice]),
    barrierScenario("two meet, one dies", [meet, meet], { deaths: 1 }),
    barrierScenario("two meet, with an action, one dies", [meet, meet], {
      deaths: 1,
      action: () => {},
    }),
    barrierScenario("two meet, one wakes for no reason", [meet, meet], { spurious: 1 }),
    barrierScenario("three meet", [brief, brief, brief]),
    barrierScenario("one waits, one awaits, one dies", [meet, awaited], { deaths: 1 }),
    barrierScenario("two await", [awaited, awaited]),
    barrierScenario("two meet, one gives up", [meet, timed]),
    barrierScenario("two meet, another one aborts", [meet, meet, abort], { parties: 2 }),
  ];
}
