import { HEADER, SLOT } from "../../src/memory/layout.ts";
import { Flag } from "../../src/memory/flag.ts";
import type { Scenario } from "./explore.ts";
import { slotOf, World } from "./world.ts";

type Part = (flag: Flag, world: World, actor: number) => unknown;

const set: Part = (flag) => flag.set();
const setAndClear: Part = (flag) => {
  flag.set();
  flag.clear();
  flag.set();
};
const wait: Part = (flag) => flag.waitSync();
const awaited: Part = (flag) => flag.wait();
const bothTasks: Part = (flag) => Promise.all([flag.wait(), flag.wait()]);
const timed: Part = (flag) => {
  try {
    flag.waitSync({ timeout: 3 });
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
  }
};

function flagScenario(
  name: string,
  parts: readonly Part[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(parts.length);
  const word = HEADER.end;
  return {
    name: `flag: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const flag = new Flag(world.open(actor), 0);
      return () => part(flag, world, actor);
    })),
    words: [word, HEADER.event, ...more.deaths ? parts.map((_, i) => slotOf(i) + SLOT.gone) : []],
    timed: parts.flatMap((part, actor) => part === timed ? [actor] : []),
    onDeath: (actor) => world.kill(actor),
    checkEnd: () => {
      const value = world.read(word);
      return value === 1 ? undefined : `the flag is ${value} at the end`;
    },
    ...more,
  };
}

/** The scenarios of the flag. */
export function flagScenarios(): Scenario[] {
  return [
    flagScenario("two wait", [set, wait, wait]),
    flagScenario("one waits, one awaits", [set, wait, awaited]),
    flagScenario("two tasks await", [set, bothTasks]),
    flagScenario("two set, two wait, one dies", [set, set, wait, wait], {
      deaths: 1,
      checkEnd: undefined,
    }),
    flagScenario("one gives up", [set, timed, wait]),
    flagScenario("set, cleared, set", [setAndClear, wait, awaited]),
  ];
}
