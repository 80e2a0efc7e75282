import { Directory } from "../../src/memory/directory.ts";
import { HEADER } from "../../src/memory/layout.ts";
import { regionOf } from "../../src/memory/memory.ts";
import type { Scenario } from "./explore.ts";
import { World } from "./world.ts";

/** The bytes of a record with a thing of 128 bytes. */
const BYTES = 256;

function directoryScenario(
  name: string,
  names: readonly string[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(names.length + 1);
  const open = (actor: number) =>
    new Directory({ region: regionOf(world.open(actor)) }, "a memory");
  const records = names.map((_, i) => HEADER.end + i * BYTES);
  const words = [HEADER.used, HEADER.newest, ...records, ...records.map((at) => at + 4)];
  const plain: number[] = [];
  for (let at = HEADER.end; at < HEADER.end + names.length * BYTES; at += 4) {
    // The thing itself is not used here.
    if (at % BYTES < BYTES / 2 && !words.includes(at)) plain.push(at);
  }
  return {
    name: `directory: ${name}`,
    ...world.parts(names.map((name, actor) => () => {
      const directory = open(actor);
      return () => {
        const { offset } = directory.obtain(name, "counter", 128);
        world.note("finds", () => {
          const found = open(actor).find(name)?.offset;
          if (found !== offset) throw new Error(`"${name}" is at ${offset}, and at ${found}`);
        });
      };
    })),
    words,
    plain,
    checkEnd() {
      const found = [...open(names.length).entries()].map(({ name }) => name);
      const expected = new Set(names);
      return found.length === new Set(found).size && found.every((name) => expected.has(name)) &&
          (more.deaths || found.length === expected.size)
        ? undefined
        : `the directory has ${found} at the end`;
    },
    ...more,
  };
}

/** The scenarios of the names in a segment. */
export function directoryScenarios(): Scenario[] {
  return [
    directoryScenario("two add one name", ["a", "a"]),
    directoryScenario("two add two names", ["a", "b"]),
    directoryScenario("two add one name, one dies", ["a", "a"], { deaths: 1 }),
  ];
}
