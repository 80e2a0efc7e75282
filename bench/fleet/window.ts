import { adapter, monotonicNanoseconds } from "../../src/runtime/mod.ts";

const CLOCK_THREAD_CPUTIME_ID = 3;

let loops = 0;

/** Time between two reads of the clock, in nanoseconds. A read takes some hundred itself. */
const CHUNK = 100_000;

/** The most operations between two reads of the clock. */
const MOST_TIMES = 1 << 20;

/** Does an operation so many times. */
export type Loop = (times: number) => void | Promise<void>;

/**
 * Makes a loop over an operation. Each has a text of its own: an engine would optimize one loop for
 * all operations that it has repeated. An asynchronous operation is awaited each time.
 */
export function loopOf(call: () => unknown, awaited = false): Loop {
  const [start, step] = awaited ? ["async ", "await "] : ["", ""];
  const body = `for (let i = 0; i < times; i++) ${step}call(); /* number ${loops++} */`;
  return new Function("call", `return ${start}(times) => { ${body} };`)(call) as Loop;
}

/** A span on the monotonic clock, in nanoseconds. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** The operations of one member. */
export interface Count {
  /** Within the window. */
  readonly inside: number;
  /** Altogether. */
  readonly done: number;
}

/** The part of a span that is in a window, from 0 to 1. */
export function partInside(start: number, end: number, { from, to }: Window): number {
  return Math.max(Math.min(end, to) - Math.max(start, from), 0) / (end - start);
}

/** After this many chunks, an engine has compiled the operation. */
const WARM_CHUNKS = 50;
/** The longest warm-up, in nanoseconds: an operation may mostly wait. */
const MOST_WARMING = 5e8;

/**
 * Runs an operation until it is compiled, which would take longer under contention. The chunks are
 * of the thread's own processor time: members that share a processor get little of a span of time.
 *
 * @returns How often it ran.
 */
export async function warmUp(loop: Loop): Promise<number> {
  const ownTime = ownClock();
  const end = monotonicNanoseconds() + MOST_WARMING;
  let [chunks, times, done] = [0, 1, 0];
  while (chunks < WARM_CHUNKS && monotonicNanoseconds() < end) {
    const start = ownTime();
    const pending = loop(times);
    if (pending !== undefined) await pending;
    done += times;
    const took = ownTime() - start;
    if (took >= CHUNK / 2) chunks++;
    times = nextTimes(times, took);
  }
  return done;
}

/** Reads the processor time of this thread, in nanoseconds; the time, if the system has none. */
function ownClock(): () => number {
  if (adapter.platform !== "linux") return monotonicNanoseconds;
  const time = new BigInt64Array(2);
  const bytes = new Uint8Array(time.buffer);
  const { clock_gettime } = adapter.bind({
    clock_gettime: { parameters: ["i32", "bytes"], result: "i32" },
  });
  return () => {
    // SAFETY: `bytes` has the 16 bytes of a `struct timespec`.
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, bytes);
    return Number(time[0]) * 1e9 + Number(time[1]);
  };
}

/** The operations of the next chunk, after `times` operations took `took` nanoseconds. */
function nextTimes(times: number, took: number): number {
  if (took < CHUNK / 2) return Math.min(2 * times, MOST_TIMES);
  return took > CHUNK * 2 ? Math.ceil(times / 2) : times;
}

/** The number of the last step of members in step, once it is known; 0 before. */
export interface LastStep {
  read(): number;
  /** Only in the first member: sets it. */
  readonly set?: (step: number) => void;
}

/**
 * Repeats an operation that all members do equally often, one at a time. The first member sets the last
 * step in advance, when the window has ended.
 */
export function countInStep(call: () => unknown, window: Window, last: LastStep): Count {
  let [inside, done] = [0, 0];
  let start = monotonicNanoseconds();
  for (;;) {
    if (last.set && start >= window.to && last.read() === 0) last.set(done + 1);
    const end = last.read();
    if (end !== 0 && done >= end) return { inside, done };
    call();
    const now = monotonicNanoseconds();
    inside += partInside(start, now, window);
    done++;
    start = now;
  }
}

/**
 * Repeats an operation from before the window until after it, in chunks. A chunk across an edge of the
 * window counts with its part inside. Members do not check whether to stop, so that only the operation
 * is measured; all others are still running when the window ends.
 */
export async function countInWindow(loop: Loop, window: Window): Promise<Count> {
  let [inside, done, times] = [0, 0, 1];
  let start = monotonicNanoseconds();
  while (start < window.to) {
    const pending = loop(times);
    if (pending !== undefined) await pending;
    const end = monotonicNanoseconds();
    inside += times * partInside(start, end, window);
    done += times;
    times = nextTimes(times, end - start);
    start = end;
  }
  return { inside, done };
}
