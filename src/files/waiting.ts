import { onAbort } from "../contract/abort.ts";
import type { Deadline } from "./deadline.ts";
import type { Waiter } from "./lock_queue.ts";
import type { TrackedLockFile } from "./tracked_lock_file.ts";

/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

/** Waits in the queue until the tracked file has the lock. False if the time ran out. */
export function waitInQueue(
  tracked: TrackedLockFile,
  shared: boolean,
  { at, signal }: Deadline,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      clearTimeout(timer);
      stop();
    };
    const waiter: Waiter = {
      shared,
      tracked,
      isFree: () => tracked.mode === undefined,
      tryTake: () => tracked.takeTurn(shared),
      adopt: (file) => tracked.adopt(file, shared),
      granted: () => {
        settle();
        resolve(true);
      },
      fail: (error) => {
        settle();
        reject(error);
      },
    };
    const stop = onAbort(signal, (reason) => {
      if (tracked.queue.remove(waiter)) waiter.fail(reason);
    });
    const watch = () => {
      const left = at - performance.now();
      if (left > 0) timer = setTimeout(watch, Math.min(Math.ceil(left), LONGEST_MS));
      else if (tracked.queue.remove(waiter)) {
        settle();
        resolve(false);
      }
    };
    tracked.queue.add(waiter);
    if (at !== Infinity && tracked.queue.has(waiter)) watch();
  });
}
