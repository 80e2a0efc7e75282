import { HEADER, MUTEX, ONCE, SLOT } from "../../src/memory/layout.ts";
import { Once } from "../../src/memory/once.ts";
import type { Scenario } from "./explore.ts";
import { slotOf, World } from "./world.ts";

/** Notes: the actor that makes the value, plus 1; the value that was got; and how often it was made. */
const [MAKING, VALUE, MADE] = [3, 4, 5];
const FAILED = new Error("failed");

/** What an actor does with the value. */
type Part = (once: Once, world: World, actor: number) => unknown;

function begin(world: World, actor: number): void {
  world.note("begins to make it", () => {
    if (world.notes[MAKING] !== 0) throw new Error("two make the value at the same time");
    if (world.notes[MADE] !== 0) throw new Error("a value that was made is made again");
    world.notes[MAKING] = actor + 1;
  });
}
function end(world: World): void {
  world.note("has made it", () => void (world.notes[MAKING] = 0));
}
function got(world: World, value: number): void {
  world.note("has it", () => {
    world.notes[VALUE] ||= value;
    if (world.notes[VALUE] !== value) throw new Error("two have got different values");
    world.notes[MADE] = 1;
  });
}

const get: Part = (once, world, actor) => {
  got(
    world,
    once.getSync(() => {
      begin(world, actor);
      end(world);
      return actor + 1;
    }),
  );
};
const awaited: Part = async (once, world, actor) => {
  const value = await once.get(async () => {
    begin(world, actor);
    await undefined;
    end(world);
    return actor + 1;
  });
  got(world, value);
};
const failing: Part = (once, world, actor) => {
  try {
    const init = (): number => {
      begin(world, actor);
      end(world);
      throw FAILED;
    };
    got(world, once.getSync(init));
  } catch (error) {
    if (error !== FAILED) throw error;
  }
};
const timed: Part = (once, world, actor) => {
  try {
    got(world, once.getSync(() => actor + 1, { timeout: 3 }));
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
  }
};

function onceScenario(
  name: string,
  parts: readonly Part[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(parts.length, 3);
  const at = HEADER.end;
  return {
    name: `once: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const once = new Once(world.open(actor), 0, { size: 4 });
      return () => part(once, world, actor);
    })),
    words: [
      at + ONCE.state,
      at + ONCE.mutex,
      at + ONCE.mutex + MUTEX.died,
      at + ONCE.mutex + MUTEX.look,
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    plain: [at + ONCE.value],
    timed: parts.flatMap((part, actor) => part === timed ? [actor] : []),
    onDeath(actor) {
      world.kill(actor);
      if (world.notes[MAKING] === actor + 1) world.notes[MAKING] = 0;
    },
    checkEnd() {
      const isMade = world.read(at + ONCE.state) !== 0;
      if (!isMade && more.deaths === undefined) return "it is not made in the end";
      return isMade || world.notes[MADE] === 0 ? undefined : "a value that was got is gone";
    },
    ...more,
  };
}

/** The scenarios of a value that is made once. */
export function onceScenarios(): Scenario[] {
  return [
    onceScenario("two get it", [get, get]),
    onceScenario("two get it, one dies", [get, get], { deaths: 1 }),
    onceScenario("two get it, one fails", [failing, get]),
    onceScenario("two get it, one fails, one dies", [failing, get], { deaths: 1 }),
    onceScenario("two get it, one gives up", [get, timed]),
    onceScenario("one gets it, one awaits it", [get, awaited]),
    onceScenario("two await it, one dies", [awaited, awaited], { deaths: 1 }),
  ];
}
