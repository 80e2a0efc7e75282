import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Children, nextOf } from "../../src/host/children.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { claim, type Figure, type Launch, type Subject } from "./subject.ts";

const HOLDER = new URL("../programs/holder.ts", import.meta.url);
const HOLDERS = 12;
const operation = "recovery from an owner that was killed";

/** Kills one holder after the other; measures the time from the kill to the next acquisition. */
async function recoveries({ runtime, site, signal }: Launch): Promise<Figure> {
  await using children = new Children(signal);
  const memory = join(site.fast, "memory");
  // Each acquires the mutex on request, prints the time, and holds it until it is killed.
  const holders = Array.from({ length: HOLDERS }, () =>
    children.start<number>({
      runtime,
      what: "the holder of a mutex",
      program: HOLDER,
      args: [memory],
      imports: false,
      duty: "been killed",
    }));
  await nextOf(holders);
  let [last, ...others] = holders;
  last.tell("go");
  await last.next();
  const samples: number[] = [];
  for (const next of others) {
    next.tell("go");
    await sleep(10 + Math.random() * 8); // It sleeps then, at a random time in its slice.
    const killed = monotonicNanoseconds();
    last.kill();
    samples.push(await next.next() - killed);
    last = next;
  }
  return { samples };
}

/** The time to detect that an owner died. */
export const subject: Subject = {
  name: "recovery",
  programs: [{
    name: operation,
    inEach: true,
    medium: "mapped",
    sizes: "pair",
    ms: () => 800,
    measure: recoveries,
  }],
  goals: [
    claim("Half of the recoveries from an owner that was killed take at most 1 ms")
      .about({ operation, runtime: ["deno", "bun"] }).takes(1e6, "p50"),
    claim("Half of the recoveries from an owner that was killed take at most 1.5 ms")
      .about({ operation, runtime: "node" }).takes(1.5e6, "p50"),
    claim("All but one in a hundred recoveries from an owner that was killed take at most 10 ms")
      .about({ operation }).takes(10e6, "p99"),
  ],
};
