const FIRST_MS = 1;
const LAST_MS = 50;

/**
 * Waits for a lock that can be tried but not waited for in a way that ends: tries again after 1 ms,
 * 2 ms and so on up to 50 ms, blocking the thread. `goOn` is asked in between and may throw; false
 * where it said no.
 */
export function waitByTrying(tryLock: () => boolean, goOn: () => boolean): boolean {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let delay = FIRST_MS; !tryLock(); delay = Math.min(2 * delay, LAST_MS)) {
    if (!goOn()) return false;
    Atomics.wait(nobody, 0, 0, delay);
  }
  return true;
}
