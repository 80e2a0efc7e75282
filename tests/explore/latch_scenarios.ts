import { HEADER, LATCH, SLOT } from "../../src/memory/layout.ts";
import { Latch } from "../../src/memory/latch.ts";
import type { Scenario } from "./explore.ts";
import { slotOf, World } from "./world.ts";

/** What an actor does with the latch. */
type Part = (latch: Latch, world: World, actor: number) => unknown;

const countDown: Part = (latch) => latch.countDown();
/** Counts down, unless another actor has. */
const either: Part = (latch) => {
  try {
    latch.countDown();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
};
const wait: Part = (latch, world) => {
  latch.waitSync();
  world.note("goes on", () => assertOpen(latch));
};
const awaited: Part = async (latch, world) => {
  await latch.wait();
  world.note("goes on", () => assertOpen(latch));
};
const timed: Part = (latch) => {
  try {
    latch.waitSync({ timeout: 3 });
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
  }
};

function assertOpen(latch: Latch): void {
  if (!latch.isOpen) throw new Error("a waiter goes on before the latch is open");
}

function latchScenario(
  name: string,
  count: number,
  parts: readonly Part[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(parts.length);
  const at = HEADER.end;
  return {
    name: `latch: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const latch = new Latch(world.open(actor), 0, { count });
      return () => part(latch, world, actor);
    })),
    words: [
      at + LATCH.word,
      at + LATCH.arrived,
      at + LATCH.word + 16,
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    timed: parts.flatMap((part, actor) => part === timed ? [actor] : []),
    onDeath: (actor) => world.kill(actor),
    checkEnd: () => world.read(at + LATCH.arrived) === count ? undefined : "it is not open",
    ...more,
  };
}

/** The scenarios of the latch. */
export function latchScenarios(): Scenario[] {
  return [
    latchScenario("two count down, one waits", 2, [countDown, countDown, wait]),
    latchScenario("one counts down, one waits, one awaits", 1, [countDown, wait, awaited]),
    latchScenario("one counts down, two wait", 1, [countDown, wait, wait]),
    latchScenario("one counts down, one gives up", 1, [countDown, timed, wait]),
    latchScenario("two may count down, one waits, one dies", 1, [either, either, wait], {
      deaths: 1,
    }),
    latchScenario("two may count down, one awaits, one dies", 1, [either, either, awaited], {
      deaths: 1,
    }),
  ];
}
