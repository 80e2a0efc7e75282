import { HEADER, MUTEX, SLOT } from "../../src/memory/layout.ts";
import type { Guard } from "../../src/contract/guard.ts";
import { OwnerDiedError } from "../../src/contract/errors.ts";
import { Mutex } from "../../src/memory/mutex.ts";
import { OWNER } from "../../src/memory/lock_words.ts";
import { hex, type Scenario } from "./explore.ts";
import { identityOf, slotOf, World } from "./world.ts";

/** What an actor does with the mutex. */
type Part = (mutex: Mutex, world: World, actor: number) => unknown;

/** Is inside for two steps, and releases the lock. */
function hold(guard: Guard<number>, world: World, actor: number): void {
  world.enter(actor, guard.recovered, guard.token);
  world.leave(actor);
  guard.release();
}

/** Acquires the lock, blocking its thread. */
const lock: Part = (mutex, world, actor) => {
  const guard = mutex.acquireSync();
  hold(guard, world, actor);
};

/** Does so, and is inside for one step. */
const brief: Part = (mutex, world, actor) => {
  const guard = mutex.acquireSync();
  world.enter(actor, guard.recovered, guard.token, true);
  guard.release();
};

/** Acquires the lock without a guard, and is inside for no step, which makes fewer states. */
const bare: Part = (mutex) => {
  mutex.lock();
  mutex.unlock();
};

/** Does so twice. */
const bareTwice: Part = (mutex, world, actor) => {
  bare(mutex, world, actor);
  bare(mutex, world, actor);
};

/** Does so for a while, and gives up. */
const bareTimed: Part = (mutex) => {
  try {
    mutex.runSync(() => {}, { timeout: 3 });
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
  }
};

/** Acquires the lock if it is free. */
const tryOnce: Part = (mutex, world, actor) => {
  const guard = mutex.tryAcquire();
  if (guard === undefined) return;
  hold(guard, world, actor);
};

/** Waits for the lock for a while, and gives up. */
const timed: Part = (mutex, world, actor) => {
  let guard;
  try {
    guard = mutex.acquireSync({ timeout: 3 });
  } catch (error) {
    if ((error as Error).name === "TimeoutError") return;
    throw error;
  }
  hold(guard, world, actor);
};

/** Awaits the lock. */
const awaited: Part = async (mutex, world, actor) => {
  const guard = await mutex.acquire();
  hold(guard, world, actor);
};

/** Awaits the lock with a signal that is aborted at some time. */
const aborted: Part = async (mutex, world, actor) => {
  const controller = new AbortController();
  // A timer so short that it may fire at any moment.
  setTimeout(() => controller.abort(ABORTED), 1);
  let guard;
  try {
    guard = await mutex.acquire({ signal: controller.signal });
  } catch (error) {
    if (error === ABORTED) return;
    throw error;
  }
  hold(guard, world, actor);
};

const ABORTED = new Error("aborted");

/** Acquires the lock; if its last owner died, by asking again. */
const checked: Part = (mutex, world, actor) => {
  let guard;
  try {
    guard = mutex.acquireSync();
  } catch (error) {
    if (!(error instanceof OwnerDiedError)) throw error;
    guard = mutex.acquireSync({ recover: true });
  }
  hold(guard, world, actor);
};

/** Two tasks of one thread await the lock. */
const twoTasks: Part = async (mutex, world, actor) => {
  await Promise.all([awaited(mutex, world, actor), awaited(mutex, world, actor)]);
};

/** A promise to look in so many milliseconds, on the clock of an actor that begins. */
function promiseIn(milliseconds: number): number {
  return Math.floor((performance.timeOrigin + milliseconds) * 1000) | 0;
}

function mutexScenario(
  name: string,
  parts: readonly Part[],
  more: Partial<Scenario> & {
    spins?: number;
    throws?: boolean;
    tokens?: boolean;
    fair?: boolean;
    /** In how many milliseconds a waiter that is dead now had promised to look. */
    promised?: number;
  } = {},
): Scenario {
  const world = new World(parts.length + 1);
  const word = HEADER.end;
  const heir = word + MUTEX.heir;
  const identities = parts.map((_, actor) => identityOf(actor));
  const onOwnerDied = more.throws ? "throw" : "recover";
  const open = (actor: number) =>
    new Mutex(world.open(actor, more.spins), 0, { onOwnerDied, fair: more.fair });
  if (more.promised) world.write(word + MUTEX.look, promiseIn(more.promised));
  world.hasTokens = more.tokens ?? false;
  return {
    name: `mutex: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const mutex = open(actor);
      return () => part(mutex, world, actor);
    })),
    // The lock word, the owner that died, the next look, the event, the token, and the deaths.
    words: [
      word,
      word + MUTEX.died,
      word + MUTEX.look,
      HEADER.event,
      ...more.fair ? [heir] : [],
      ...more.tokens ? [word + 8, word + 12] : [],
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    timed: parts.flatMap((part, actor) => part === timed || part === bareTimed ? [actor] : []),
    // Once the lock was handed off, the owner that the word names is outside.
    onDeath: (actor) => world.kill(actor, world.read(heir) < 0 ? undefined : word),
    check() {
      const value = world.read(word);
      const owner = value & OWNER;
      const asking = world.read(heir) & OWNER;
      if (asking !== 0 && !identities.includes(asking)) {
        return `the heir is no actor: ${hex(asking)}`;
      }
      if (owner === 0) return value === 0 ? undefined : `the word is ${hex(value)}`;
      return identities.includes(owner) ? undefined : `the word names no actor: ${hex(value)}`;
    },
    checkEnd() {
      const guard = open(parts.length).tryAcquire({ recover: true });
      if (guard === undefined) return "the lock cannot be acquired afterwards";
      if (guard.recovered !== world.isDirty) return "a death is not reported afterwards";
      guard.release();
      if (!more.deaths && world.read(heir) !== 0) return "a waiter asks afterwards";
      // A waiter that died may have asked: the lock is handed to it, and taken over again.
      const next = open(parts.length).tryAcquire();
      if (next === undefined) return "the lock is not free afterwards";
      if (next.recovered) return "a death is reported that was none, afterwards";
      next.release();
      return world.read(word) === 0 ? undefined : "the lock is not free in the end";
    },
    ...more,
  };
}

/** Acquires the lock twice, and is inside each time. */
const twice: Part = (mutex, world, actor) => {
  lock(mutex, world, actor);
  lock(mutex, world, actor);
};

/** The scenarios of hand-offs. */
function fairScenarios(): Scenario[] {
  const fair = (name: string, parts: readonly Part[], more: Parameters<typeof mutexScenario>[2]) =>
    mutexScenario(`fair, ${name}`, parts, { fair: true, ...more });
  return [
    fair("two lock", [twice, lock], { tokens: true }),
    fair("two lock, one dies", [twice, lock], { deaths: 1 }),
    fair("two lock, two die", [twice, lock], { deaths: 2 }),
    fair("two lock, one wakes for no reason", [twice, lock], { spurious: 1 }),
    fair("one locks, one gives up, one dies", [twice, timed], { deaths: 1 }),
    fair("three lock", [bareTwice, bare, bare], { isTooLarge: true }),
  ];
}

/** The scenarios of the mutex. */
export function mutexScenarios(): Scenario[] {
  return [
    mutexScenario("two lock", [lock, lock], { spins: 1, tokens: true }),
    mutexScenario("two lock, one dies", [lock, lock], { deaths: 1, spins: 1 }),
    mutexScenario("two lock, two die", [lock, lock], { deaths: 2, spins: 1 }),
    mutexScenario("two lock, one wakes for no reason", [lock, lock], { spurious: 1 }),
    mutexScenario("two lock, one dies after a waiter that looked", [lock, lock], {
      deaths: 1,
      promised: 3,
    }),
    mutexScenario("three lock", [lock, lock, lock]),
    mutexScenario("three lock, one dies", [lock, lock, lock], { deaths: 1 }),
    mutexScenario("three lock, two die", [lock, brief, brief], { deaths: 2, isTooLarge: true }),
    mutexScenario("two lock, one tries, one dies", [lock, lock, tryOnce], { deaths: 1 }),
    mutexScenario("one locks, one gives up, one dies", [lock, timed], { deaths: 1 }),
    mutexScenario("two lock, one gives up", [lock, lock, timed], { isTooLarge: true }),
    mutexScenario("one locks twice, one locks, one gives up", [bareTwice, bare, bareTimed], {
      isTooLarge: true,
    }),
    mutexScenario("one locks, two give up, one dies", [lock, timed, timed], {
      deaths: 1,
      isTooLarge: true,
    }),
    ...fairScenarios(),
    mutexScenario("a death is thrown", [checked, checked], { deaths: 1, throws: true }),
    mutexScenario("two await", [awaited, awaited]),
    mutexScenario("two await, one dies", [awaited, awaited], { deaths: 1 }),
    mutexScenario("one locks, one awaits", [lock, awaited]),
    mutexScenario("one locks, one awaits, one dies", [lock, awaited], { deaths: 1 }),
    mutexScenario("one locks, one aborts", [lock, aborted]),
    mutexScenario("one locks, one aborts, one awaits", [lock, aborted, awaited]),
    mutexScenario("two lock, one awaits", [lock, lock, awaited]),
    mutexScenario("one locks, two tasks of a thread await", [lock, twoTasks], { deaths: 1 }),
  ];
}
