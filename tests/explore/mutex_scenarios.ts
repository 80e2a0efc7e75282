import { HEADER, SLOT } from "../../src/memory/layout.ts";
import { attachmentOf, type Memory } from "../../src/memory/memory.ts";
import { Mutex } from "../../src/memory/mutex.ts";
import { OWNER } from "../../src/memory/thread_registry.ts";
import type { Program } from "./actor.ts";
import { hex, type Scenario } from "./explore.ts";
import { identityOf, type Settings, slotOf, World } from "./world.ts";

/** What an actor does with the mutex. */
type Part = (mutex: Mutex, world: World, actor: number) => unknown;

/** Acquires the lock, blocking its thread. */
const lock: Part = (mutex, world, actor) => {
  const guard = mutex.acquireSync();
  world.enter(actor, guard.recovered);
  world.leave(actor);
  guard.release();
};

/** Acquires the lock if it is free. */
const tryOnce: Part = (mutex, world, actor) => {
  const guard = mutex.tryAcquire();
  if (guard === undefined) return;
  world.enter(actor, guard.recovered);
  world.leave(actor);
  guard.release();
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
  world.enter(actor, guard.recovered);
  world.leave(actor);
  guard.release();
};

/** Awaits the lock. */
const awaited: Part = async (mutex, world, actor) => {
  const guard = await mutex.acquire();
  world.enter(actor, guard.recovered);
  world.leave(actor);
  guard.release();
};

/** Two tasks of one thread await the lock. */
const twoTasks: Part = async (mutex, world, actor) => {
  await Promise.all([awaited(mutex, world, actor), awaited(mutex, world, actor)]);
};

const BYTES_BEFORE = HEADER.end;

function mutexScenario(
  name: string,
  parts: readonly Part[],
  settings: Settings,
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(parts.length + 1);
  const word = BYTES_BEFORE;
  const identities = parts.map((_, actor) => identityOf(actor));
  const open = (actor: number): [Memory, Mutex] => {
    const memory = world.open(actor, settings);
    attachmentOf(memory).namedLocks.add(0);
    return [memory, new Mutex(memory, 0)];
  };
  return {
    name,
    buffer: world.buffer,
    notes: world.notes,
    // The lock word, the owner that died, the event, and the deaths.
    words: [
      word,
      word + 4,
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    nap: HEADER.nap,
    actors: parts.map((part, actor): () => Program => () => {
      const [memory, mutex] = open(actor);
      world.afterwards(() => {
        attachmentOf(memory).asyncWaiters.rejectAll(new Error("explored"));
      });
      return () => part(mutex, world, actor);
    }),
    cleanUp: () => world.cleanUp(),
    timed: parts.flatMap((part, actor) => part === timed ? [actor] : []),
    onDeath: (actor) => world.kill(actor, word),
    check() {
      const value = world.read(word);
      const owner = value & OWNER;
      if (owner === 0) return value === 0 ? undefined : `the word is ${hex(value)}`;
      return identities.includes(owner) ? undefined : `the word names no actor: ${hex(value)}`;
    },
    checkEnd() {
      const [, mutex] = open(parts.length);
      const guard = mutex.tryAcquire();
      if (guard === undefined) return "the lock cannot be acquired afterwards";
      if (guard.recovered !== world.isDirty) return "a death is not reported afterwards";
      guard.release();
      return world.read(word) === 0 ? undefined : "the lock is not free afterwards";
    },
    ...more,
  };
}

/** The scenarios of the mutex. */
export function mutexScenarios(): Scenario[] {
  const once: Settings = { spins: 1 };
  const none: Settings = { spins: 0 };
  return [
    mutexScenario("two lock", [lock, lock], once),
    mutexScenario("two lock, one dies", [lock, lock], once, { deaths: 1 }),
    mutexScenario("two lock, two die", [lock, lock], once, { deaths: 2 }),
    mutexScenario("three lock", [lock, lock, lock], none),
    mutexScenario("three lock, one wakes for no reason", [lock, lock, lock], none, { spurious: 1 }),
    mutexScenario("three lock, one dies", [lock, lock, lock], none, { deaths: 1 }),
    mutexScenario("three lock, two die", [lock, lock, lock], none, { deaths: 2 }),
    mutexScenario("two lock, one tries", [lock, lock, tryOnce], none, { deaths: 1 }),
    mutexScenario("two lock, one gives up", [lock, lock, timed], none),
    mutexScenario("one locks, two give up", [lock, timed, timed], none, { deaths: 1 }),
    mutexScenario("two await", [awaited, awaited], none),
    mutexScenario("one locks, one awaits", [lock, awaited], none, { deaths: 1 }),
    mutexScenario("two lock, one awaits", [lock, lock, awaited], none),
    mutexScenario("one locks, two tasks of a thread await", [lock, twoTasks], none, { deaths: 1 }),
  ];
}
