import { HEADER, SLOT } from "../../src/memory/layout.ts";
import { Mutex } from "../../src/memory/mutex.ts";
import { defineRecord } from "../../src/memory/record.ts";
import { SeqlockRecord } from "../../src/memory/seqlock_record.ts";
import type { Scenario } from "./explore.ts";
import { slotOf, World } from "./world.ts";

/** Two numbers that each write makes equal. */
const Pair = defineRecord({ one: "Int32", other: "Int32" });
type Part = (record: SeqlockRecord<{ one: "Int32"; other: "Int32" }>) => void;

const write: Part = (record) => record.write({ one: 1, other: 1 });
const update: Part = (record) => {
  record.update(({ one, other }) => {
    if (one !== other) throw new Error(`a writer found ${one} and ${other}`);
    return { one: one + 1, other: other + 1 };
  });
};
const read: Part = (record) => {
  const { one, other } = record.read();
  if (one !== other) throw new Error(`a reader got ${one} and ${other}`);
};

function recordScenario(
  name: string,
  parts: readonly Part[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(parts.length + 1);
  const start = HEADER.end;
  const open = (actor: number) => {
    return new SeqlockRecord(world.open(actor), 0, Pair);
  };
  const bytes = SeqlockRecord.bytes(Pair);
  const words = [start, start + 4];
  for (let at = start + Mutex.BYTES; at < start + bytes; at += 4) words.push(at);
  const updates = parts.filter((part) => part === update).length;
  return {
    name: `seqlock record: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const record = open(actor);
      return () => part(record);
    })),
    words: [...words, ...more.deaths ? parts.map((_, i) => slotOf(i) + SLOT.gone) : []],
    onDeath: (actor) => world.kill(actor, start),
    checkEnd() {
      const { one, other } = open(parts.length).read();
      if (one !== other) return `the record is ${one} and ${other} at the end`;
      return more.deaths || updates < parts.length || one === updates
        ? undefined
        : `the record is ${one} at the end, not ${updates}`;
    },
    ...more,
  };
}

/** The scenarios of the seqlock. */
export function recordScenarios(): Scenario[] {
  return [
    recordScenario("two update", [update, update]),
    recordScenario("one writes, one updates, one reads", [write, update, read]),
    recordScenario("two update, one reads, one dies", [update, update, read], { deaths: 1 }),
  ];
}
