import { DeadlockError } from "../contract/errors.ts";
import type { AcquireOptions } from "../contract/options.ts";
import { type AsyncStore, asyncStore } from "../runtime/adapters/async_store.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";

/** The lock of a file that an outer call holds while it waits for the calls inside it. */
interface Hold {
  readonly path: string;
  /** False once the outer call has ended: an inner call that was not awaited may go on. */
  held: boolean;
  readonly outer: Hold | undefined;
}

let store: AsyncStore<Hold> | undefined;

/** Runs `body`, for which the holder of the file waits before it releases the file. */
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
 * Throws if an outer call holds the file, and neither a timeout nor a signal could end the wait.
 *
 * @throws {DeadlockError}
 */
export function refuseDeadlock(path: string, options: AcquireOptions | undefined): void {
  const { timeout = Infinity, signal } = options ?? {};
  if (timeout !== Infinity || signal !== undefined) return;
  for (let hold = store?.getStore(); hold !== undefined; hold = hold.outer) {
    if (!hold.held || hold.path !== path) continue;
    throw new DeadlockError(
      `Cannot write ${
        quotePath(path)
      }: this call is made inside an update that holds the file, so the two ` +
        "would wait for each other. Make both changes in one update, or give a timeout",
    );
  }
}
