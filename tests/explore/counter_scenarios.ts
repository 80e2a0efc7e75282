import { AtomicCounter } from "../../src/memory/atomic_counter.ts";
import { HEADER } from "../../src/memory/layout.ts";
import { StripedCounter } from "../../src/memory/striped_counter.ts";
import type { Scenario } from "./explore.ts";
import { World } from "./world.ts";

type Part = (counter: AtomicCounter) => void;

const addOne: Part = (counter) => counter.add();
const addTwice: Part = (counter) => {
  counter.add(2);
  counter.add(-1);
};
const fetchAdd: Part = (counter) => void counter.fetchAdd(1);

/** Reads twice: a counter that only grows never goes back. */
const read: Part = (counter) => {
  const first = counter.value;
  const second = counter.value;
  if (second < first) throw new Error(`the counter went back from ${first} to ${second}`);
};

function counterScenario(
  name: string,
  start: number,
  parts: readonly Part[],
  end: number,
): Scenario {
  const world = new World(parts.length);
  const at = HEADER.end;
  const open = (actor: number) => new AtomicCounter(world.open(actor), 0);
  open(0).set(start);
  return {
    name: `counter: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const counter = open(actor);
      return () => part(counter);
    })),
    words: [at, at + 4],
    checkEnd() {
      const { value } = open(0);
      return value === end ? undefined : `the counter is ${value}, not ${end}`;
    },
  };
}

function stripedScenario(): Scenario {
  const world = new World(3);
  const stripe = AtomicCounter.BYTES;
  const open = (actor: number) => new StripedCounter(world.open(actor), 0, 2);
  const add = (actor: number) => () => {
    const counter = open(actor);
    return () => {
      counter.add();
      counter.add(3);
    };
  };
  return {
    name: "striped counter: three add",
    ...world.parts([add(0), add(1), add(2)]),
    words: [0, 4, stripe, stripe + 4].map((at) => HEADER.end + at),
    checkEnd() {
      const { value } = open(0);
      return value === 12 ? undefined : `the counter is ${value}, not 12`;
    },
  };
}

/** The scenarios of the counters, near the carry from the low half of a number to the high one. */
export function counterScenarios(): Scenario[] {
  const carry = 2 ** 32 - 1;
  return [
    counterScenario("three add at the carry", carry - 1, [addOne, addOne, fetchAdd], carry + 2),
    counterScenario("two add below 0, one reads", -2, [addOne, addOne, read], 0),
    counterScenario("two add at the carry, one reads", carry, [addOne, fetchAdd, read], carry + 2),
    counterScenario("two add and subtract", carry - 1, [addTwice, addTwice], carry + 1),
    counterScenario("two add near 2^52", 2 ** 52 - 1, [addOne, fetchAdd], 2 ** 52 + 1),
    stripedScenario(),
  ];
}
