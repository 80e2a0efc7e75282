import { setTimeout } from "node:timers/promises";
import { type Memory, regionOf } from "../../src/memory/memory.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import type { Relay } from "../subjects/subject.ts";

/** How long the lock is held after the other member has come, so that it sleeps; nanoseconds. */
export const HOLD = 100_000;

/** The first turns are not counted: engines are still compiling. */
const WARM_TURNS = 100;

/** The offsets of the words of a relay. */
const OFFSETS = { turn: 0, coming: 128, released: 256 } as const;

/**
 * Hands a lock over between two members, `turns` times after a warm-up. The holder waits until the
 * other member has come and sleeps, records the time and releases; the other records when it has the
 * lock.
 *
 * @returns The times of the hand-overs to this member, in nanoseconds.
 */
export async function handOver(
  relay: Relay,
  memory: Memory,
  offset: number,
  worker: number,
  turns: number,
  meet: () => void,
): Promise<number[]> {
  const region = regionOf(memory);
  const { atomics } = region;
  const [turn, coming, released] = [OFFSETS.turn, OFFSETS.coming, OFFSETS.released]
    .map((at) => region.resolve(offset + at, 8, 8));
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
