import type { LockFile } from "../runtime/lock_file.ts";
import type { Handle } from "./handle.ts";
import type { Patience } from "./patience.ts";
import type { Waiter } from "./place.ts";

/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

/** Waits until the handle has the lock, in the queue of its place. False where time ran out. */
export function waitInQueue(
  handle: Handle,
  shared: boolean,
  { deadline, signal }: Patience,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const has = (taken: boolean) => {
      if (taken) {
        settle();
        resolve(true);
      }
      return taken;
    };
    const waiter: Waiter = {
      shared,
      handle,
      isFree: () => handle.mode === undefined,
      tryTake: () => has(handle.takeTurn(shared)),
      adopt: (file: LockFile) => {
        handle.adopt(file, shared);
        has(true);
      },
      fail: (error) => {
        settle();
        reject(error);
      },
    };
    const abort = () => {
      if (handle.place.remove(waiter)) waiter.fail(signal!.reason);
    };
    const watch = () => {
      const left = deadline - performance.now();
      if (left > 0) timer = setTimeout(watch, Math.min(Math.ceil(left), LONGEST_MS));
      else if (handle.place.remove(waiter)) {
        settle();
        resolve(false);
      }
    };
    signal?.addEventListener("abort", abort);
    handle.place.add(waiter);
    if (deadline !== Infinity && handle.place.has(waiter)) watch();
  });
}
