import { adapter } from "../../src/runtime/mod.ts";

/** What an operation returned to an actor. */
export type Result = number | bigint | string | boolean | undefined;

/** An operation on the shared memory, or another event, that an actor is about to take. */
export interface Operation {
  readonly kind: string;
  /** The byte of the memory that it concerns. */
  readonly at: number;
  /** What the operation was given, as far as its meaning depends on it. */
  readonly args: readonly unknown[];
  /** Performs it on the memory as it is now. */
  run(): Result;
  /** Whether it can be taken on the memory as it is now. Default: always. */
  isReady?(): boolean;
}

/** What an actor does after a history: its next operation, its end, or an error that it threw. */
export type Next = Operation | { readonly kind: "end" } | {
  readonly kind: "error";
  readonly error: unknown;
};

/** The program of an actor: it may use everything but real threads, timers and random numbers. */
export type Program = () => unknown;

/** A step that an actor has taken. */
export interface Entry {
  readonly result: Result;
  /** The plain bytes that it found after it. */
  readonly plain: Int32Array;
}

/** Ends an actor at an operation whose result is not known yet. */
const STOP: unique symbol = Symbol("stop");

interface Timer {
  readonly callback: () => void;
  readonly delay: number;
}

/** What `setTimeout` returns to an actor: its timer in one execution, and in no other. */
class TimerId {
  readonly timers: Map<string, Timer>;
  readonly id: string;

  constructor(timers: Map<string, Timer>, id: string) {
    this.timers = timers;
    this.id = id;
  }
}

/** An actor while it is executed again. */
interface Replay {
  readonly history: readonly Entry[];
  position: number;
  /** The clock of the actor, in milliseconds: it moves when a sleep ends by itself. */
  clock: number;
  next: Next | undefined;
  /** Is called as soon as the next operation is known, before anything else of the actor runs. */
  readonly onStop: () => void;
  readonly timers: Map<string, Timer>;
  timersMade: number;
  /** Its waits for an asynchronous wake: the byte, and what to call. */
  readonly asyncWaits: Map<number, () => void>;
}

let replay: Replay | undefined;
let explored: ArrayBufferLike | undefined;
let isTracked: (at: number) => boolean = () => false;
let setPlain: (plain: Int32Array) => void = () => {};

const real = {
  atomics: Atomics,
  now: performance.now,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  queueMicrotask: globalThis.queueMicrotask,
  then: Promise.prototype.then,
  mayCallC: adapter.mayCallC,
};

/** Takes a step: its result comes from the history, or the actor stops here. */
export function step(operation: Operation): Result {
  if (replay === undefined) return operation.run();
  if (replay.next !== undefined) throw STOP; // A `finally` of an actor that was stopped.
  if (replay.position < replay.history.length) {
    const { result, plain } = replay.history[replay.position++];
    setPlain(plain);
    // A sleep that ended by itself took its time.
    if (result === TIMED_OUT || result === NAPPED || result === LATE) {
      replay.clock += operation.args[1] as number;
    }
    return result === LATE ? WOKEN : result;
  }
  stop(replay, operation);
  throw STOP;
}

/** Ends an execution. From now on, each step of what is left of it throws. */
function stop(mine: Replay, next: Next): void {
  if (mine.next !== undefined) return;
  mine.next = next;
  mine.onStop();
}

/** The result of a sleep that ended by itself. */
export const TIMED_OUT = "timed-out";
/** The result of a sleep that was ended by a wake. */
export const WOKEN = "ok";
/** The same, if the time was over as well. */
export const LATE = "late";
/** The result of a nap. */
export const NAPPED = "napped";

type Method = (array: Int32Array, index: number, ...args: unknown[]) => Result;

function hook(kind: string): Method {
  // SAFETY: each method of `Atomics` that is hooked has this form.
  const method = (real.atomics as unknown as Record<string, Method>)[kind];
  return (array, index, ...args) => {
    const at = array.byteOffset + index * array.BYTES_PER_ELEMENT;
    if (array.buffer !== explored || !isTracked(at)) return method(array, index, ...args);
    return step({ kind, at, args, run: () => method(array, index, ...args) });
  };
}

const KINDS = ["load", "store", "add", "sub", "and", "or", "exchange", "compareExchange"];
const fakeAtomics = {
  ...Object.fromEntries(KINDS.map((kind) => [kind, hook(kind)])),
  // The explorer performs these: they concern the other actors.
  wait: sleep("wait"),
  notify: sleep("notify"),
  waitAsync(array: Int32Array, index: number, expected: number) {
    const at = array.byteOffset + index * array.BYTES_PER_ELEMENT;
    const outcome = step({ kind: "waitAsync", at, args: [expected], run: () => false });
    // A promise whose reaction runs in the turn of the actor, and may stop it.
    const value = new Promise(() => {});
    const { asyncWaits } = replay!;
    Object.defineProperty(value, "then", {
      value(callback: () => void) {
        if (outcome === true) asyncWaits.set(at, callback);
        else queueMicrotask(callback);
      },
    });
    return { async: true, value };
  },
};

function sleep(kind: string): Method {
  return (array, index, ...args) => {
    const at = array.byteOffset + index * array.BYTES_PER_ELEMENT;
    return step({ kind, at, args, run: () => 0 });
  };
}

type Reaction = ((value: unknown) => unknown) | null | undefined;

/** A reaction of a promise that may be stopped: what waits for it then waits for ever. */
function stoppable(reaction: Reaction): Reaction {
  if (typeof reaction !== "function") return reaction;
  return (value) => {
    try {
      return reaction(value);
    } catch (error) {
      if (error === STOP) return new Promise(() => {});
      throw error;
    }
  };
}

function fakeThen(this: Promise<unknown>, onValue: Reaction, onError: Reaction): unknown {
  if (replay === undefined) return real.then.call(this, onValue, onError);
  return real.then.call(this, stoppable(onValue), stoppable(onError));
}

/** Runs `body` while the memory takes note of each step of an actor on the tracked bytes. */
export async function whileExploring<T>(
  buffer: ArrayBufferLike,
  tracked: (at: number) => boolean,
  fillPlain: (plain: Int32Array) => void,
  body: () => Promise<T>,
): Promise<T> {
  explored = buffer;
  isTracked = tracked;
  setPlain = fillPlain;
  const isMine = (value: unknown) => value === STOP;
  Object.assign(globalThis, {
    Atomics: fakeAtomics,
    setTimeout: (callback: () => void, delay = 0) => {
      if (replay === undefined) return real.setTimeout(callback, delay);
      const id = `timer ${++replay.timersMade}`;
      replay.timers.set(id, { callback, delay });
      return new TimerId(replay.timers, id);
    },
    clearTimeout: (timer: number | TimerId) => {
      if (timer instanceof TimerId) timer.timers.delete(timer.id);
      else real.clearTimeout(timer);
    },
    queueMicrotask: (callback: () => void) => {
      real.queueMicrotask(() => {
        try {
          callback();
        } catch (error) {
          if (!isMine(error)) throw error;
        }
      });
    },
  });
  Object.assign(Promise.prototype, { then: fakeThen });
  performance.now = () => replay === undefined ? real.now.call(performance) : replay.clock;
  // The slots of actors name no threads of the system: a death is a mark in the slot.
  Object.assign(adapter, { mayCallC: () => false });
  try {
    return await body();
  } finally {
    explored = undefined;
    Object.assign(globalThis, {
      Atomics: real.atomics,
      setTimeout: real.setTimeout,
      clearTimeout: real.clearTimeout,
      queueMicrotask: real.queueMicrotask,
    });
    Object.assign(Promise.prototype, { then: real.then });
    performance.now = real.now;
    Object.assign(adapter, { mayCallC: real.mayCallC });
  }
}

/** Lets the reactions of settled promises run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 24; i++) await undefined;
}

/**
 * Executes an actor from its beginning with the results of its steps so far, up to the next one.
 *
 * @param make Prepares its objects, whose operations are no steps.
 * @param onStop Is called as soon as the next step is known, before anything else of the actor runs.
 * @param cleanUp Releases what the actor has left in this thread.
 */
export async function nextOf(
  make: () => Program,
  history: readonly Entry[],
  onStop: () => void,
  cleanUp: () => void,
): Promise<Next> {
  const program = make();
  const mine: Replay = {
    history,
    position: 0,
    clock: 0,
    next: undefined,
    onStop,
    timers: new Map(),
    timersMade: 0,
    asyncWaits: new Map(),
  };
  const note = (error: unknown) => {
    if (error !== STOP) stop(mine, { kind: "error", error });
  };
  replay = mine;
  let isAsync = false;
  try {
    const outcome = program();
    isAsync = outcome instanceof Promise;
    if (isAsync) await runTasks(mine, outcome as Promise<unknown>, note);
    else stop(mine, { kind: "end" });
  } catch (error) {
    note(error);
  }
  try {
    cleanUp();
    // What waited is rejected, and its program goes on: here, and not in the next execution.
    if (isAsync) await settle();
    return mine.next!;
  } finally {
    replay = undefined;
  }
}

/** Runs the tasks of an actor until its next step is known. */
async function runTasks(
  mine: Replay,
  outcome: Promise<unknown>,
  note: (error: unknown) => void,
): Promise<void> {
  let isOver = false;
  outcome.then(() => isOver = true, (error) => {
    isOver = true;
    note(error);
  });
  for (;;) {
    await settle();
    if (isOver) stop(mine, { kind: "end" });
    if (mine.next !== undefined) return;
    runTask(mine, note);
  }
}

/** A thread with nothing to do: the explorer says which of its timers or wakes comes next. */
function runTask(mine: Replay, note: (error: unknown) => void): void {
  try {
    const timers = [...mine.timers].map(([id, { delay }]) => [id, delay]);
    const events = [...mine.asyncWaits.keys()];
    const chosen = step({ kind: "idle", at: 0, args: [timers, events], run: () => undefined });
    if (typeof chosen === "number") {
      const callback = mine.asyncWaits.get(chosen)!;
      mine.asyncWaits.delete(chosen);
      callback();
    } else {
      const { callback, delay } = mine.timers.get(String(chosen))!;
      mine.timers.delete(String(chosen));
      mine.clock += delay;
      callback();
    }
  } catch (error) {
    note(error);
  }
}
