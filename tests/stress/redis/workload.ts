import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { LockLostError } from "../../../src/contract/mod.ts";
import {
  adapterOf,
  RedisCounter,
  RedisLock,
  type RedisLockOptions,
  RedisSemaphore,
  RefusedError,
  UnreachableError,
} from "../../../src/redis/mod.ts";
import { StressFolder } from "../files/stress_folder.ts";
import type { Target } from "./deployments.ts";
import { HoldLog } from "./hold_log.ts";
import { PromiseLog } from "./promise_log.ts";
import { sourceOf } from "./sources.ts";
import { WRITE } from "./store.ts";

/** For commands that a busy machine may answer late. */
export const PATIENT = { commandTimeout: 20_000 };

/** Adds ones to the counter `n`. */
export interface Adds {
  readonly what: "add";
  readonly urls: readonly string[];
  readonly rounds: number;
  /** With an operation each, plainly, or for the value before. */
  readonly how: "named" | "plain" | "tickets";
  /** Makes the operations of a process different from those of the others. */
  readonly number: number;
}

/** The adds of a process, and the values before if it asked for them. */
export interface Added {
  readonly acknowledged: number;
  /** Adds that may have happened. */
  readonly unknown: number;
  readonly tickets: readonly number[];
}

/** Several clients acquire one lock for some rounds. */
export interface Contends {
  readonly what: "contend";
  readonly urls: readonly string[];
  readonly rounds: number;
  readonly clients: number;
  readonly options: RedisLockOptions;
}

/** Holds the lock, or a permit of the semaphore, called `held`, and logs each hold. */
export interface Holds {
  readonly what: "hold";
  readonly urls: readonly string[];
  readonly folder: string;
  readonly number: number;
  readonly options: { readonly leaseTime: number; readonly commandTimeout?: number };
  /** Of how many permits it holds one. Without it, it holds a lock. */
  readonly permits?: number;
}

/** Holds the lock called `held` and writes with its token, whatever happens to its servers. */
export interface Guards {
  readonly what: "guard";
  readonly target: Target;
  /** The server of the data, to which nothing happens. */
  readonly store: string;
  readonly folder: string;
  readonly number: number;
  readonly options: RedisLockOptions & { readonly commandTimeout: number };
}

/** The workload of a process. */
export type Workload = Adds | Contends | Holds | Guards;

/** The returned function does the workload. */
export function prepare(workload: Workload, isStopped: () => boolean): () => Promise<unknown> {
  switch (workload.what) {
    case "add":
      return () => add(workload);
    case "contend":
      return () => contend(workload);
    case "hold":
      return () => hold(workload, isStopped);
    case "guard":
      return () => guard(workload, isStopped);
  }
}

/** Says `under way` after a quarter of the adds. */
async function add({ urls: [url], rounds, how, number }: Adds): Promise<Added> {
  const redis = adapterOf(url, PATIENT);
  await using counter = new RedisCounter(redis, "n");
  const tickets: number[] = [];
  let [acknowledged, unknown] = [0, 0];
  for (let i = 0; i < rounds; i++) {
    const options = { operation: `${number}-${i}`, retryFor: 60_000 };
    try {
      if (how === "tickets") tickets.push(await counter.fetchAdd());
      else await counter.add(1, how === "named" ? options : undefined);
      acknowledged++;
    } catch (error) {
      if (error instanceof UnreachableError) unknown += Number(error.mayHaveHappened);
      else if (!(error instanceof RefusedError && error.code === "LOADING")) throw error;
    }
    if (i === Math.floor(rounds / 4)) process.stdout.write("under way\n");
  }
  await redis.close();
  return { acknowledged, unknown, tickets };
}

/**
 * Runs clients with a connection each. Inside, each counts itself in and increments a number in two
 * steps.
 *
 * @returns How often another client was inside at the same time.
 */
async function contend({ urls: [url], rounds, clients, options }: Contends): Promise<number> {
  let intrusions = 0;
  await Promise.all(Array.from({ length: clients }, async () => {
    await using lock = new RedisLock(url, "contended", { ...options, ...PATIENT });
    const redis = adapterOf(url, PATIENT);
    for (let i = 0; i < rounds; i++) {
      await using _guard = await lock.acquire();
      const [number, inside] = await Promise.all([
        redis.send("GET", "number"),
        redis.send("INCR", "inside"),
      ]);
      if (inside !== 1) intrusions++;
      await Promise.all([
        redis.send("SET", "number", `${Number(number) + 1}`),
        redis.send("DECR", "inside"),
      ]);
    }
    await redis.close();
  }));
  return intrusions;
}

/** Holds until it must stop or is killed. Holders of a lock are watched by the detectors. */
async function hold(
  { urls, folder: path, number, options, permits }: Holds,
  isStopped: () => boolean,
): Promise<void> {
  await using holder = permits === undefined
    ? new RedisLock(urls, "held", options)
    : new RedisSemaphore(urls[0], "held", permits, options);
  using folder = new StressFolder(path);
  using log = new HoldLog(path, number);
  while (!isStopped()) {
    const guard = await holder.acquire().catch((error) => {
      if (!(error instanceof UnreachableError)) throw error; // Servers are stopped meanwhile.
    });
    // A hold that was lost while this process did not run does not count.
    if (guard === undefined || !guard.held) continue;
    log.begin(guard);
    if (permits === undefined) {
      folder.enter(false);
      await Promise.resolve();
      folder.leave();
    } else {
      // Some holds are long, so that a kill often comes within one.
      await sleep(Math.random() * (Math.random() < 0.05 ? 200 : 5));
    }
    log.end(guard);
    await guard.release().catch((error) => {
      if (!(error instanceof LockLostError)) throw error; // As above.
    });
  }
}

/** Errors that a lock reports while its servers are away, or lose its holds. */
function isExpected(error: unknown): error is Error {
  return error instanceof UnreachableError || error instanceof LockLostError ||
    error instanceof RefusedError || error instanceof DOMException && error.name === "TimeoutError";
}

/** Returns how often each error was reported. */
async function guard(
  { target, store, folder, number, options }: Guards,
  isStopped: () => boolean,
): Promise<Record<string, number>> {
  await using source = await sourceOf(target, number);
  await using lock = new RedisLock(source.source, "held", options);
  const data = adapterOf(store, PATIENT);
  using log = new PromiseLog(folder, number);
  const errors: Record<string, number> = {};
  const note = (error: unknown) => {
    if (!isExpected(error)) throw error;
    const name = error instanceof RefusedError ? error.code : error.name;
    errors[name] = (errors[name] ?? 0) + 1;
  };
  while (!isStopped()) {
    const guard = await lock.acquire({ timeout: 5000 }).catch(note);
    if (guard === undefined) continue;
    log.begin(guard);
    try {
      // Some holds are long, so that troubles often come within one.
      for (let steps = Math.random() < 0.1 ? 40 : 2; steps > 0 && guard.held; steps--) {
        await WRITE.run(data, ["token", "writes"], [`${guard.token}`, `${number}`]);
        await sleep(Math.random() * 10);
        log.look(guard);
      }
    } finally {
      log.end();
    }
    await guard.release().catch(note);
  }
  await data.close();
  return errors;
}
