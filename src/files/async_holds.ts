import { DeadlockError } from "../contract/errors.ts";
import type { AcquireOptions } from "../contract/options.ts";
import { type AsyncStore, asyncStore } from "../runtime/async_store.ts";

/** A file that calls further out have locked, while they wait for what they have called. */
interface Hold {
  readonly path: string;
  /** False once they wait no more: calls that nobody waited for may go on after that. */
  held: boolean;
  readonly outer: Hold | undefined;
}

let store: AsyncStore<Hold> | undefined;

/** Runs `body` as what the holder of a file waits for before it releases it. */
export async function holding<T>(path: string, body: () => T | Promise<T>): Promise<T> {
  store ??= asyncStore<Hold>();
  const hold: Hold = { path, held: true, outer: store.getStore() };
  try {
    return await store.run(hold, body);
  } finally {
    hold.held = false;
  }
}

/**
 * Throws if a call further out holds the file, and nothing could end the wait for it.
 *
 * @throws {DeadlockError}
 */
export function refuseDeadlock(path: string, options: AcquireOptions | undefined): void {
  const { timeout = Infinity, signal } = options ?? {};
  if (timeout !== Infinity || signal !== undefined) return;
  for (let hold = store?.getStore(); hold !== undefined; hold = hold.outer) {
    if (!hold.held || hold.path !== path) continue;
    throw new DeadlockError(
      `Cannot update "${path}": the change that makes this call holds it, and waits for it. ` +
        "Change the document in one update, or give a timeout",
    );
  }
}
