import type { AcquireOptions } from "./options.ts";

/**
 * What {@linkcode withLock} and {@linkcode locked} need of a lock: how it is waited for. Any lock
 * has it, of this machine or of a medium that answers later.
 */
export interface Acquirable<
  Options extends AcquireOptions = AcquireOptions,
  Held extends AsyncDisposable = AsyncDisposable,
> {
  /** Waits for the lock without blocking the thread. */
  acquire(options?: Options): Promise<Held>;
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
 * @param options What the lock's `acquire` takes, such as `{ shared: true }` of a file lock.
 * @returns What `body` returned.
 * @throws What `acquire` throws, and what `body` throws; where the release fails as well, a
 * `SuppressedError` with both.
 */
export async function withLock<T, Options extends AcquireOptions, Held extends AsyncDisposable>(
  lock: Acquirable<Options, Held>,
  body: (guard: Held) => T | Promise<T>,
  options?: NoInfer<Options>,
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
 * @param options How each call waits for the lock: what its `acquire` takes.
 */
export function locked<Options extends AcquireOptions>(
  lock: Acquirable<Options>,
  options?: NoInfer<Options>,
): LockedDecorator {
  return (body) =>
    async function (...args) {
      await using _guard = await lock.acquire(options);
      return await body.apply(this, args);
    };
}
