import { setTimeout as sleep } from "node:timers/promises";
import type { AcquireOptions, Guard } from "../../src/contract/mod.ts";

/** The waits of one lock that give up. */
export interface Waits {
  /** Acquires the lock that the first waiter wants; nothing if another process may hold it. */
  hold(): Promise<Guard | undefined>;
  /** The wait that gives up. */
  first(options: AcquireOptions): Promise<Guard>;
  /** The next in the queue, which must get the lock whether the first one does or not. */
  second(): Promise<Guard>;
  /** Enters and leaves with the guard, and releases it. */
  visit(guard: Guard): void;
}

/** Waits that are aborted, or run out of time, at the moment of the grant. */
export async function giveUpAtGrant(
  { hold, first, second, visit }: Waits,
  rounds: number,
  random: () => number,
): Promise<{ gaveUp: number; granted: number }> {
  const result = { gaveUp: 0, granted: 0 };
  for (let i = 0; i < rounds; i++) {
    const controller = new AbortController();
    const options = i % 2 === 0 ? { signal: controller.signal } : { timeout: random() * 2 };
    const guard = await hold();
    const waits = [
      first(options).then((guard) => {
        visit(guard);
        result.granted++;
      }, (error) => {
        if (!/AbortError|TimeoutError/.test((error as Error).name)) throw error;
        result.gaveUp++;
      }),
      second().then(visit),
    ];
    // Both acts in a random order: at once, a microtask later, or some time later.
    const acts = [() => guard && visit(guard), () => controller.abort()];
    if (random() < 0.5) acts.reverse();
    acts[0]();
    const pause = random();
    if (pause < 0.3) await Promise.resolve();
    else if (pause < 0.6) await sleep(2 * random());
    acts[1]();
    await Promise.all(waits);
  }
  return result;
}
