import { setTimeout } from "node:timers/promises";
import { type Memory, regionOf } from "../../src/memory/memory.ts";
import { adapter, monotonicNanoseconds } from "../../src/runtime/mod.ts";
import { HOLD } from "../effort.ts";
import type { Relay } from "../subjects/subject.ts";

/** The first turns are not counted: engines are still compiling. */
const WARM_TURNS = 100;

/** The size of a set of processors. */
const BYTES = 128;

/**
 * Hands a lock over between two members, `turns` times after a warm-up. The holder waits until the
 * other member has come and sleeps, records the time and releases; the other records when it has the
 * lock.
 *
 * @returns The times of the hand-offs to this member, in nanoseconds.
 */
export async function handOff(
  relay: Relay,
  memory: Memory,
  offset: number,
  worker: number,
  turns: number,
  meet: () => void,
): Promise<number[]> {
  const region = regionOf(memory);
  const { atomics } = region;
  // Each word in a cache line of its own.
  const [turn, coming, released] = [0, 128, 256].map((at) => region.resolve(offset + at, 8, 8));
  const samples: number[] = [];
  const all = turns + WARM_TURNS;
  const see = async (at: number, wanted: number) => {
    while (atomics.load32(at) !== wanted) {
      if (relay.yields) await setTimeout(1);
    }
  };
  const take = async () => {
    atomics.store32(coming, 1);
    const pending = relay.lock();
    if (pending !== undefined) await pending;
    samples.push(monotonicNanoseconds() - atomics.loadFloat64(released));
    atomics.store32(turn, worker);
  };

  using _pinned = relay.yields ? undefined : pinned(worker);
  if (worker === 0) await relay.lock();
  meet();
  if (worker === 1) await take();
  for (let i = worker; i < all; i += 2) {
    await see(coming, 1);
    atomics.store32(coming, 0);
    const until = monotonicNanoseconds() + HOLD;
    while (monotonicNanoseconds() < until) {
      if (relay.yields) await setTimeout(1);
    }
    atomics.storeFloat64(released, monotonicNanoseconds());
    const pending = relay.unlock();
    if (pending !== undefined) await pending;
    await see(turn, 1 - worker);
    if (i + 1 < all) await take();
  }
  return samples.slice(WARM_TURNS / 2);
}

/**
 * Keeps this thread on the `index`th processor of those that it may use, until disposal. Two threads
 * hand a lock over faster on one processor than on two, and the system would choose by chance. See
 * sched_setaffinity(2).
 */
function pinned(index: number): Disposable {
  if (adapter.platform !== "linux") return { [Symbol.dispose]: () => {} };
  const signature = { parameters: ["i32", "i64", "bytes"], result: "i32" } as const;
  const { sched_getaffinity, sched_setaffinity } = adapter.bind({
    sched_getaffinity: signature,
    sched_setaffinity: signature,
  });
  const before = new Uint8Array(BYTES);
  sched_getaffinity(0, BYTES, before);
  const allowed = [...Array(BYTES * 8).keys()].filter((i) => before[i >> 3] >> (i & 7) & 1);
  const mine = allowed[index % allowed.length];
  const mask = new Uint8Array(BYTES);
  mask[mine >> 3] = 1 << (mine & 7);
  sched_setaffinity(0, BYTES, mask);
  return { [Symbol.dispose]: () => void sched_setaffinity(0, BYTES, before) };
}
