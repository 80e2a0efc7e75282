/**
 * A process that acquires the permits of a {@linkcode Crowd}, or its read-write lock, again and again;
 * see {@linkcode serveAgent}.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AcquireOptions } from "../../../src/contract/mod.ts";
import { regionOf } from "../../../src/memory/memory.ts";
import { randomOf } from "../../support/random.ts";
import { serveAgent } from "../serve_agent.ts";
import { Crowd, PERMITS } from "./crowd.ts";

/** What an agent does. */
export interface CrowdWorkload {
  readonly path: string;
  readonly what: "permits" | "read" | "write";
  readonly number: number;
  readonly seed: number;
  /** The longest pause after each hold, in milliseconds: the more agents, the longer. */
  readonly pause: number;
}

/** A lock as the ways to acquire it see it. */
interface Waitable<O extends object, G> {
  acquire(options: O & AcquireOptions): Promise<G>;
  acquireSync(options: O & AcquireOptions): G;
  tryAcquire(options: O): G | undefined;
}

serveAgent(({ path, what, number, seed, pause }: CrowdWorkload) => {
  const crowd = new Crowd(path);
  const random = randomOf(seed);
  const below = (n: number) => Math.floor(random() * n);
  /** A kill in here leaves a hold. */
  const stay = () => {
    if (below(2) === 0) regionOf(crowd.memory).nap(random());
  };

  /** Acquires a lock in one of the ways that make a guard; `undefined` if it could not be had. */
  async function guardOf<O extends object, G>(
    lock: Waitable<O, G>,
    options: O,
  ): Promise<G | undefined> {
    try {
      const timeout = 50 * random();
      switch (below(4)) {
        case 0:
          return lock.tryAcquire(options);
        case 1:
          return lock.acquireSync(options);
        case 2:
          return lock.acquireSync({ ...options, timeout });
        default:
          return await lock.acquire({ ...options, timeout });
      }
    } catch (error) {
      if ((error as Error).name !== "TimeoutError") throw error;
      return undefined;
    }
  }

  const semaphore = crowd.semaphore();
  const usePermits = async () => {
    const permits = random() < 0.7 ? 1 : 2 + below(2);
    const isBare = permits === 1 && random() < 0.4;
    if (isBare) semaphore.waitSync();
    const guard = isBare ? undefined : await guardOf(semaphore, { permits });
    if (!isBare && guard === undefined) return;
    if (guard?.recovered) crowd.recovered.add();
    const places = Array.from({ length: permits }, () => crowd.takePlace(number));
    crowd.note(number, permits);
    const total = crowd.total();
    if (total !== undefined && total > PERMITS) crowd.violations.add();
    stay();
    crowd.note(number, 0);
    for (const place of places) crowd.leave(place, number);
    if (guard === undefined) semaphore.post();
    else guard.release();
  };

  const locks = [crowd.rwLock("writers"), crowd.rwLock("readers"), crowd.rwLock("fair")];
  const read = async () => {
    const lock = locks[below(3)];
    const isBare = random() < 0.4;
    if (isBare) lock.lockShared();
    const guard = isBare ? undefined : await guardOf(lock, { shared: true });
    if (!isBare && guard === undefined) return;
    crowd.note(number, 1);
    if (guard?.recovered) crowd.recovered.add();
    // Without a guard, it does not learn whether a writer has died.
    if (guard !== undefined && !guard.recovered) crowd.detector.checkQuiet();
    stay();
    if (guard !== undefined && !guard.recovered) crowd.detector.checkQuiet();
    crowd.note(number, 0);
    if (guard === undefined) lock.unlockShared();
    else guard.release();
  };
  const write = async () => {
    const lock = locks[below(3)];
    const way = below(4);
    if (way === 0) lock.lock();
    const guard = way === 0
      ? undefined
      : await guardOf(lock, way === 1 ? { upgradable: true } : {});
    if (way !== 0 && guard === undefined) return;
    if (way === 1) {
      stay();
      guard!.upgradeSync();
    }
    const recovered = guard?.recovered ?? lock.recovered;
    if (recovered) crowd.recovered.add();
    crowd.detector.enter(recovered);
    if (crowd.total() !== 0) crowd.violations.add();
    stay();
    crowd.detector.leave();
    if (way !== 0 && below(3) === 0) {
      crowd.note(number, 1);
      guard!.downgrade();
      crowd.detector.checkQuiet();
      crowd.note(number, 0);
    }
    if (guard === undefined) lock.unlock();
    else guard.release();
  };

  const work = { permits: usePermits, read, write }[what];
  return async () => {
    while (!crowd.stop.isSet) {
      await work();
      regionOf(crowd.memory).nap(pause * random());
      if (below(16) === 0) await sleep(0); // Messages and timers must run.
    }
  };
});
