import type { Memory } from "../../src/memory/mod.ts";
import { monotonicNanoseconds } from "../../src/runtime/mod.ts";
import type { Relay } from "../subjects/subject.ts";

/** How long it is held after the other has come to wait, so that that one sleeps; nanoseconds. */
export const HOLD = 100_000;

/** So many turns are not counted: until then, engines are still compiling. */
const WARM_TURNS = 100;

/** Where the words of a relay lie, from an offset on. */
const AT = { turn: 0, coming: 128, released: 256 } as const;

/**
 * Two hand a lock to each other, `turns` times and some more: who has it waits until the other has come for it
 * and is asleep, notes the time, and lets go; the other notes the time when it has it.
 *
 * @returns How long those took that ended with this one, in nanoseconds.
 */
export async function handOver(
  relay: Relay,
  memory: Memory,
  offset: number,
  worker: number,
  turns: number,
  meet: () => void,
): Promise<number[]> {
  const { atomic } = memory;
  const [turn, coming, released] = [AT.turn, AT.coming, AT.released]
    .map((at) => memory.place(offset + at, 8, 8));
  const samples: number[] = [];
  const all = turns + WARM_TURNS;
  const see = (at: number, wanted: number) => {
    while (atomic.load32(at) !== wanted);
  };
  const take = async () => {
    atomic.store32(coming, 1);
    const pending = relay.lock();
    if (pending !== undefined) await pending;
    samples.push(monotonicNanoseconds() - atomic.loadFloat64(released));
    atomic.store32(turn, worker);
  };

  if (worker === 0) await relay.lock();
  meet();
  if (worker === 1) await take();
  for (let i = worker; i < all; i += 2) {
    see(coming, 1);
    atomic.store32(coming, 0);
    const until = monotonicNanoseconds() + HOLD;
    while (monotonicNanoseconds() < until);
    atomic.storeFloat64(released, monotonicNanoseconds());
    relay.unlock();
    see(turn, 1 - worker);
    if (i + 1 < all) await take();
  }
  return samples.slice(WARM_TURNS / 2);
}
