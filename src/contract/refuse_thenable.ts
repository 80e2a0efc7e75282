/** The prototypes of generators, sync and async. */
const GENERATORS: readonly object[] = [
  Object.getPrototypeOf(function* () {}).prototype,
  Object.getPrototypeOf(async function* () {}).prototype,
];

/**
 * Throws if `result` is a promise or another thenable, for functions that need the result at once;
 * or if it is a generator, as {@linkcode refuseGenerator} does.
 *
 * @param what What cannot be done, such as "run in a mutex".
 * @param instead What to use, such as "withLock".
 */
export function refuseThenable(result: unknown, what: string, instead: string): void {
  if (!isObject(result)) return;
  if (isThenable(result)) {
    // The promise is not awaited here, so its rejection must not be reported as unhandled.
    if (result instanceof Promise) Promise.prototype.then.call(result, undefined, () => {});
    throw new TypeError(`Cannot ${what}: the function returned a promise. Use ${instead}`);
  }
  refuseGenerator(result, what);
}

/** Throws if `result` is a generator: the body of its function has not run yet. */
export function refuseGenerator(result: unknown, what: string): void {
  // A cheap look first: few results have a `next`.
  if (!isObject(result) || typeof (result as { next?: unknown }).next !== "function") return;
  for (const prototype of GENERATORS) {
    if (!Object.prototype.isPrototypeOf.call(prototype, result)) continue;
    throw new TypeError(
      `Cannot ${what}: the function returned a generator, whose body would run later, without the ` +
        "lock. Use a function that is not a generator",
    );
  }
}

function isObject(result: unknown): result is object {
  return (typeof result === "object" && result !== null) || typeof result === "function";
}

function isThenable(result: object): boolean {
  return typeof (result as { then?: unknown }).then === "function";
}
