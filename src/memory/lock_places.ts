import { adapter } from "../runtime/adapters/adapter.ts";
import type { Region } from "./region.ts";

/** The methods that acquire a lock. */
const METHODS = [
  "lock",
  "lockShared",
  "waitSync",
  "tryAcquire",
  "acquireSync",
  "acquire",
  "runSync",
];
/** A frame of the library's own, from which the body of `withLock` is called. */
const OWN = /with_lock\.(ts|js|mjs)/;

/** Where this thread acquired the locks of a memory the last time, by their offsets. */
const places = new Map<string, Map<number, string>>();

/** Whether the variable `INTERLOCK_TRACE` of the environment is `1`. */
export function mayTrace(): boolean {
  return adapter.setting("INTERLOCK_TRACE") === "1";
}

/** Where this thread acquired a lock the last time, if it was noted: `at FILE:LINE`. */
export function placeOf(region: Region, offset: number): string | undefined {
  return places.get(region.id)?.get(offset);
}

/** Notes from now on where a program acquires a lock by this object. */
export function notePlaces(lock: object, region: Region, offset: number): void {
  const noted = places.get(region.id) ?? new Map<number, string>();
  places.set(region.id, noted);
  for (const name of METHODS) {
    const method = (lock as Record<string, unknown>)[name];
    if (typeof method !== "function") continue;
    const value = (...args: unknown[]) => {
      const place = callerOf(value);
      const note = <T>(result: T): T => {
        if (place !== undefined) noted.set(offset, place);
        return result;
      };
      if (name === "runSync") {
        const [body, ...options] = args;
        if (typeof body !== "function") return method.apply(lock, args);
        return method.call(lock, () => note(undefined) ?? body(), ...options);
      }
      const result = method.apply(lock, args);
      if (result instanceof Promise) return result.then(note);
      return name === "tryAcquire" && result === undefined ? result : note(result);
    };
    Object.defineProperty(lock, name, { value });
  }
}

/** The place that called a function, which has an entry on the stack. */
function callerOf(callee: (...args: unknown[]) => unknown): string | undefined {
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, callee);
  const frames = (trace.stack ?? "").split("\n").map((line) => line.trim());
  return frames.find((line) => line.startsWith("at ") && !OWN.test(line));
}
