import type { MutexGuard } from "../../src/memory/mutex_guard.ts";
import { Condition } from "../../src/memory/condition.ts";
import { ConditionCells } from "../../src/memory/condition_cells.ts";
import { CONDITION, HEADER, MUTEX, SLOT } from "../../src/memory/layout.ts";
import { OWNER } from "../../src/memory/lock_words.ts";
import { attachmentOf } from "../../src/memory/memory.ts";
import { Mutex } from "../../src/memory/mutex.ts";
import { step } from "./actor.ts";
import type { Scenario } from "./explore.ts";
import { identityOf, slotOf, World } from "./world.ts";

/** Where the condition is; its mutex is at 0. */
const AT = 128;
/** Notes: whether the waiters may go on, how many were notified, and how many waits were. */
const [OPEN, NOTIFIED, RETURNED] = [3, 4, 5];

/** What an actor does with the condition. */
type Part = (used: Used, world: World, actor: number) => unknown;

/** The objects of an actor. */
interface Used {
  readonly mutex: Mutex;
  readonly condition: Condition;
}

/** Adds to a note, or only looks at it; a step. */
function add(world: World, note: number, n: number): number {
  return step({
    kind: `note ${note} + ${n}`,
    at: 0,
    args: [],
    run: () => world.notes[note] += n,
  }) as number;
}

/** Describes a cell that names no actor. */
function strangerIn(world: World, cells: readonly number[], actors: number): string | undefined {
  const known = [0, ...Array.from({ length: actors }, (_, actor) => identityOf(actor))];
  const wrong = cells.find((cell) => !known.includes(world.read(cell) & OWNER));
  return wrong === undefined ? undefined : `the word at ${wrong} names no actor`;
}

/** Lets all go on, and notifies one, which notifies the next. */
const open: Part = ({ mutex, condition }, world) => {
  mutex.lock();
  add(world, OPEN, 1);
  condition.notify();
  mutex.unlock();
};

/** Notifies after it has released the mutex. */
const openFirst: Part = ({ mutex, condition }, world) => {
  mutex.lock();
  add(world, OPEN, 1);
  mutex.unlock();
  condition.notify();
};

/** Waits until it may go on, and lets the next one go on. */
const pass: Part = ({ mutex, condition }, world) => {
  const guard = mutex.acquireSync();
  condition.waitForSync(guard, () => add(world, OPEN, 0) > 0);
  world.note("goes on", () => assertHeld(world, guard, mutex));
  condition.notify();
  guard.release();
};
const awaited: Part = async ({ mutex, condition }, world) => {
  const guard = await mutex.acquire();
  await condition.waitFor(guard, () => add(world, OPEN, 0) > 0);
  world.note("goes on", () => assertHeld(world, guard, mutex));
  condition.notify();
  guard.release();
};

/** Waits for any notification, and gives up after a while. */
const timed: Part = ({ mutex, condition }, world) => {
  const guard = mutex.acquireSync();
  try {
    condition.waitSync(guard, { timeout: 3 });
    add(world, RETURNED, 1);
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
  }
  guard.release();
};
const aborted: Part = async ({ mutex, condition }, world) => {
  const guard = await mutex.acquire();
  const controller = new AbortController();
  setTimeout(() => controller.abort(ABORTED), 1);
  try {
    await condition.wait(guard, { signal: controller.signal });
    add(world, RETURNED, 1);
  } catch (error) {
    if (error !== ABORTED) throw error;
  }
  guard.release();
};

/** Notifies one that waits, if any does. */
const notify: Part = ({ mutex, condition }, world) => {
  mutex.lock();
  const notified = condition.notify();
  mutex.unlock();
  add(world, NOTIFIED, notified);
};
const ABORTED = new Error("aborted");

function assertHeld(world: World, guard: MutexGuard, mutex: Mutex): void {
  if (!guard.held || !mutex.held) throw new Error("a waiter goes on without the mutex");
  if (world.notes[OPEN] === 0) throw new Error("a waiter goes on too early");
}

function conditionScenario(
  name: string,
  parts: readonly Part[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(parts.length + 1, 3);
  const base = HEADER.end + AT;
  const use = (actor: number): Used => {
    const memory = world.open(actor);
    const mutex = new Mutex(memory, 0);
    return { mutex, condition: new Condition(memory, AT, mutex) };
  };
  const cells = parts.map((_, i) => base + CONDITION.cells + 4 * i);
  world.write(base + CONDITION.mutex, 1);
  return {
    name: `condition: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const used = use(actor);
      return () => part(used, world, actor);
    })),
    words: [
      HEADER.end + MUTEX.word,
      HEADER.end + MUTEX.died,
      base + CONDITION.last,
      base + CONDITION.used,
      ...cells,
      ...cells.map((cell) => cell + CONDITION.numbers - CONDITION.cells),
      HEADER.end + MUTEX.look,
      base + MUTEX.look,
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    timed: parts.flatMap((part, actor) => part === timed ? [actor] : []),
    onDeath: (actor) => world.kill(actor),
    check: () => strangerIn(world, cells, parts.length),
    checkEnd() {
      const { mutex, condition } = use(parts.length);
      const guard = mutex.tryAcquire();
      if (guard === undefined) return "the mutex is not free afterwards";
      guard.release();
      if (more.deaths === undefined && world.notes[NOTIFIED] !== world.notes[RETURNED]) {
        return `${world.notes[NOTIFIED]} were notified, and ${world.notes[RETURNED]} returned`;
      }
      return condition.waiting > (more.deaths ?? 0) ? "waiters are left" : undefined;
    },
    ...more,
  };
}

/** What an actor does with the cells; it has one from the beginning, which waits. */
type CellPart = (cells: ConditionCells, cell: number, world: World) => unknown;

/** Notifies so many, and frees its own cell. */
const tell = (n: number): CellPart => (cells, cell, world) => {
  cells.leave(cell);
  for (let i = 0; i < n; i++) add(world, NOTIFIED, Number(cells.notifyOldest()));
};
const tellAll: CellPart = (cells, cell, world) => {
  cells.leave(cell);
  add(world, NOTIFIED, cells.notifyAll());
};
/** Waits, and counts that. */
const sleep: CellPart = (cells, cell, world) => {
  cells.waitSync(cell, undefined);
  add(world, RETURNED, 1);
};
/** Waits, and notifies the next one. */
const relay: CellPart = (cells, cell) => {
  cells.waitSync(cell, undefined);
  cells.notifyOldest();
};
const sleepTask: CellPart = async (cells, cell, world) => {
  await cells.wait(cell, {});
  add(world, RETURNED, 1);
};
/** Was notified, and notifies others before its cell is free. */
const notified: CellPart = (cells, cell) => {
  while (cells.notifyOldest());
  cells.leave(cell);
};
/** Waits for a while. */
const brief: CellPart = (cells, cell, world) => {
  try {
    cells.waitSync(cell, { timeout: 3 });
    add(world, RETURNED, 1);
  } catch (error) {
    if ((error as Error).name !== "TimeoutError") throw error;
  }
};

function cellScenario(
  name: string,
  parts: readonly CellPart[],
  more: Partial<Scenario> = {},
): Scenario {
  const world = new World(parts.length, 3);
  const base = HEADER.end + AT;
  const cells = parts.map((_, i) => base + CONDITION.cells + 4 * i);
  world.write(base + CONDITION.used, parts.length);
  for (const [actor, cell] of cells.entries()) {
    const isTask = parts[actor] === sleepTask;
    world.write(cell, isTask ? identityOf(actor) | 0x80000000 : identityOf(actor));
    if (parts[actor] === notified) world.write(cell, world.read(cell) | 0x40000000);
    // The last one has waited longest.
    world.write(cell + CONDITION.numbers - CONDITION.cells, 2 * (parts.length - actor));
  }
  return {
    name: `condition: ${name}`,
    ...world.parts(parts.map((part, actor) => () => {
      const own = new ConditionCells(attachmentOf(world.open(actor)), base);
      return () => part(own, cells[actor], world);
    })),
    words: [
      ...cells,
      base + MUTEX.look,
      HEADER.event,
      ...more.deaths ? parts.map((_, actor) => slotOf(actor) + SLOT.gone) : [],
    ],
    timed: parts.flatMap((part, actor) => part === brief ? [actor] : []),
    onDeath: (actor) => world.kill(actor),
    check: () => strangerIn(world, cells, parts.length),
    checkEnd() {
      if (more.deaths !== undefined) return undefined;
      if (cells.some((cell) => world.read(cell) !== 0)) return "a cell is not free";
      const { [NOTIFIED]: notified, [RETURNED]: returned } = world.notes;
      if (parts.includes(relay) || notified === returned) return undefined;
      return `${notified} were notified, and ${returned} returned`;
    },
    ...more,
  };
}

/** The scenarios of the condition. */
export function conditionScenarios(): Scenario[] {
  return [
    conditionScenario("one notifies, one waits", [open, pass]),
    conditionScenario("one notifies, one awaits", [open, awaited]),
    conditionScenario("one notifies without the mutex, one waits", [openFirst, pass]),
    conditionScenario("one notifies, one waits, one wakes for no reason", [open, pass], {
      spurious: 1,
    }),
    conditionScenario("one notifies, one gives up", [notify, timed], { isTooLarge: true }),
    conditionScenario("one notifies, one aborts", [notify, aborted]),
    cellScenario("one of two is notified, which notifies the other", [tell(1), relay, relay]),
    cellScenario("one that was notified dies, one waits", [notified, sleep], { deaths: 1 }),
    cellScenario("one that was notified dies, a task waits", [notified, sleepTask], { deaths: 1 }),
    cellScenario("two are notified", [tell(2), sleep, sleep]),
    cellScenario("two are notified at once", [tellAll, sleep, sleep]),
    cellScenario("one notifies, one gives up soon", [tell(1), brief]),
  ];
}
