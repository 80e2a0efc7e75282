import { lockBodies } from "./lock_bodies.ts";
import { LockGuard } from "./lock_guard.ts";
import { type AcquireOptions, nameOf } from "./options.ts";
import { asyncDispose, dispose, type PlatformAsyncDisposable } from "./platform.ts";
import { refuseGenerator } from "./refuse_thenable.ts";

const TASK = "run inside a lock";

/** The part of a lock that {@linkcode withLock} and {@linkcode locked} use. Each lock has it. */
export interface Acquirable<
  Options extends AcquireOptions = AcquireOptions,
  Held extends PlatformAsyncDisposable = PlatformAsyncDisposable,
> {
  /** Waits for the lock without blocking the thread. */
  acquire(options?: Options): Promise<Held>;
}

/**
 * Runs `body` inside the lock: acquires it, calls `body`, and releases it when the result of `body`
 * has settled.
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
 * @param body A function, async or not.
 * @param options What the lock's `acquire` takes, such as `{ shared: true }` of a file lock.
 * @returns The result of `body`.
 * @throws What `acquire` throws, and what `body` throws; a `SuppressedError` with both errors if
 * the release fails as well.
 * @throws {TypeError} If an argument is of a wrong type, or `body` is a generator function, whose
 * body would run later.
 */
export async function withLock<
  T,
  Options extends AcquireOptions,
  Held extends PlatformAsyncDisposable,
>(
  lock: Acquirable<Options, Held>,
  body: (guard: Held) => T | Promise<T>,
  options?: NoInfer<Options>,
): Promise<T> {
  checkLock(lock);
  checkBody(body);
  // Not by `await using`, which takes 200 ns more on V8.
  const guard = await lock.acquire(options);
  if (!(guard instanceof LockGuard)) checkGuard(guard);
  let result: T | Promise<T>;
  try {
    result = lockBodies.run === undefined
      ? body(guard)
      : lockBodies.run(lock, guard, () => body(guard));
    if (isObject(result)) refuseGenerator(result = await result, TASK);
  } catch (error) {
    return await releaseAfter(guard, error);
  }
  if (guard instanceof LockGuard) guard[Symbol.dispose]();
  else await disposalOf(guard)!.call(guard);
  return result;
}

/** The result of {@linkcode locked}: wraps a function or, as a decorator, a method. */
export type LockedDecorator = <This, Arguments extends unknown[], Result>(
  body: (this: This, ...args: Arguments) => Result | Promise<Result>,
  context?: ClassMethodDecoratorContext<This>,
) => (this: This, ...args: Arguments) => Promise<Result>;

/**
 * Wraps a function so that each call runs inside the lock: `locked(lock)(body)`.
 *
 * It is also a standard (TC39, 2023) method decorator: `@locked(lock)`. Bun runs decorators, and
 * Deno does in TypeScript files. Node 26 has no decorator syntax: there they are a `SyntaxError`
 * unless TypeScript or Babel has compiled them.
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
  checkLock(lock);
  return (body) => {
    checkBody(body);
    return function (...args) {
      return withLock(lock, () => body.apply(this, args), options);
    };
  };
}

/** Throws unless `lock` can be acquired. */
export function checkLock(lock: unknown, what = TASK): void {
  if (isObject(lock) && typeof (lock as Partial<Acquirable>).acquire === "function") return;
  throw new TypeError(`Cannot ${what}: ${nameOf(lock)} has no method acquire`);
}

/** Throws unless `body` can be called. */
export function checkBody(body: unknown, what = TASK): void {
  if (typeof body === "function") return;
  throw new TypeError(`Cannot ${what}: the body must be a function, not ${nameOf(body)}`);
}

/** Throws unless what the lock's `acquire` gave can be released; the body has not run then. */
function checkGuard(guard: unknown): void {
  if (isObject(guard) && typeof disposalOf(guard as object) === "function") return;
  throw new TypeError(
    `Cannot ${TASK}: its acquire gave ${nameOf(guard)}, which has no method [Symbol.asyncDispose]`,
  );
}

/** The method of a guard that releases it, as `await using` finds it. */
function disposalOf(guard: object): (() => unknown) | undefined {
  const { [asyncDispose]: disposal, [dispose]: fallback } = guard as Partial<
    Record<symbol, () => unknown>
  >;
  return disposal ?? fallback;
}

/** Whether a value could be a promise or another thenable, which must be awaited. */
function isObject(value: unknown): boolean {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Releases a lock whose body threw `error`, and throws it. */
async function releaseAfter(guard: AsyncDisposable, error: unknown): Promise<never> {
  await using _guard = guard; // Makes the `SuppressedError` if the release fails as well.
  throw error;
}
