import type { AcquireOptions } from "./options.ts";

/** Any lock: one of this machine, or one whose medium answers later. */
interface Acquirable<Guard extends AsyncDisposable> {
  acquire(options?: AcquireOptions): Promise<Guard>;
}

/**
 * Runs `body` inside the lock: acquires, calls it, and releases when its promise has settled.
 *
 * @example
 * ```ts
 * import { Segment, withLock } from "@interlock/interlock";
 *
 * const mutex = Segment.anonymous(65536).mutex("jobs");
 * const sum = await withLock(mutex, () => 1 + 1, { timeout: 1000 });
 * console.log(sum); // 2
 * ```
 *
 * @returns What `body` returned.
 * @throws What `acquire` throws, and what `body` throws; where the release fails as well, a
 * `SuppressedError` with both.
 */
export async function withLock<T, Guard extends AsyncDisposable>(
  lock: Acquirable<Guard>,
  body: (guard: Guard) => T | Promise<T>,
  options?: AcquireOptions,
): Promise<T> {
  await using guard = await lock.acquire(options);
  return await body(guard);
}

/** What {@linkcode locked} gives: takes a function, or a method it decorates, and wraps it. */
export type LockedDecorator = <This, Arguments extends unknown[], Result>(
  body: (this: This, ...args: Arguments) => Result | Promise<Result>,
  context?: ClassMethodDecoratorContext<This>,
) => (this: This, ...args: Arguments) => Promise<Result>;

/**
 * Wraps a function so that each call runs inside the lock. Also a decorator of methods, by the
 * standard of 2023: `@locked(mutex)`.
 *
 * @example
 * ```ts
 * import { locked, Segment } from "@interlock/interlock";
 *
 * const mutex = Segment.anonymous(65536).mutex("jobs");
 * const double = locked(mutex)((n: number) => n * 2);
 * console.log(await double(21)); // 42
 * ```
 *
 * @param options How long each call waits for the lock.
 */
export function locked(
  lock: Acquirable<AsyncDisposable>,
  options?: AcquireOptions,
): LockedDecorator {
  return (body) =>
    async function (...args) {
      await using _guard = await lock.acquire(options);
      return await body.apply(this, args);
    };
}
