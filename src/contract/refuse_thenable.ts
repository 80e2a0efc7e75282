/**
 * Throws if `result` is a promise or another thenable, for functions that need the result at once.
 *
 * @param what What cannot be done, such as "run in a mutex".
 * @param instead What to use, such as "withLock".
 */
export function refuseThenable(result: unknown, what: string, instead: string): void {
  if (!isThenable(result)) return;
  // The promise is not awaited here, so its rejection must not be reported as unhandled.
  if (result instanceof Promise) result.catch(() => {});
  throw new TypeError(`Cannot ${what}: the function returned a promise. Use ${instead}`);
}

function isThenable(result: unknown): boolean {
  return (typeof result === "object" && result !== null || typeof result === "function") &&
    typeof (result as { then?: unknown }).then === "function";
}
