const FIRST_MS = 1;
const LAST_MS = 50;

/**
 * Waits for a lock whose own wait could not be ended: tries again after 1 ms, 2 ms and so on up to
 * 50 ms, blocking the thread.
 *
 * @param goOn Called before each pause; may throw.
 * @returns False if `goOn` returned false.
 */
export function waitByTrying(tryLock: () => boolean, goOn: () => boolean): boolean {
  const neverWoken = new Int32Array(new SharedArrayBuffer(4));
  for (let delay = FIRST_MS; !tryLock(); delay = Math.min(2 * delay, LAST_MS)) {
    if (!goOn()) return false;
    Atomics.wait(neverWoken, 0, 0, delay);
  }
  return true;
}
