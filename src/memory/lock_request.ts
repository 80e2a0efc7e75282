import { type AcquireOptions, checkAcquireOptions, nameOf } from "../contract/options.ts";
import type { PlatformAbortSignal } from "../contract/platform.ts";

/** Whether a lock excludes all others of its name, or only exclusive ones. */
export type LockMode = "exclusive" | "shared";

/** Options for `LockManager.request`, those of the standard. */
export interface LockRequestOptions {
  /**
   * Whether the lock excludes all others of its name, or only exclusive ones.
   *
   * @default {"exclusive"}
   */
  mode?: LockMode;
  /**
   * Calls the callback with `null` if the lock cannot be granted at once.
   *
   * @default {false}
   */
  ifAvailable?: boolean;
  /**
   * Takes the lock away from all that hold it, and overtakes all that wait. The promises of their
   * requests are rejected with an `AbortError`; their callbacks run on.
   *
   * @default {false}
   */
  steal?: boolean;
  /** Gives up with the signal's reason, as long as the callback has not been called. */
  signal?: PlatformAbortSignal;
}

/** Options for `LockManager.requestSync`. */
export interface LockRequestSyncOptions extends LockRequestOptions, AcquireOptions {
  /** As in {@linkcode AcquireOptions.signal}. */
  signal?: PlatformAbortSignal;
}

/** A lock that was granted, as its callback gets it. */
export interface GrantedLock {
  /** The name of the lock. */
  readonly name: string;
  /** Whether it excludes all others of its name, or only exclusive ones. */
  readonly mode: LockMode;
}

/** A lock that is held, or a request that waits. */
export interface LockInfo {
  /** The name of the lock. */
  name: string;
  /** Its mode. */
  mode: LockMode;
  /** The thread: its runtime, process, thread and a number, such as `node-4711-4712-1026`. */
  clientId: string;
}

/** The locks and requests of all threads at a moment, in the order in which they were requested. */
export interface LockManagerSnapshot {
  /** The locks that are held. */
  held: LockInfo[];
  /** The requests that wait. */
  pending: LockInfo[];
}

/** What is called with a lock: `null` if it is not available. */
export type LockCallback<T> = (lock: GrantedLock | null) => T;

/** A request that was checked. */
export interface CheckedRequest<T> extends AcquireOptions {
  readonly name: string;
  readonly mode: LockMode;
  readonly ifAvailable: boolean;
  readonly steal: boolean;
  readonly callback: LockCallback<T>;
}

const TASK = "request a lock";

/**
 * Checks the arguments of a request as the standard does: `name, callback` or
 * `name, options, callback`.
 *
 * @throws {TypeError} If one is missing or of a wrong type.
 * @throws {RangeError} If the timeout is negative or NaN.
 * @throws {DOMException} Named `NotSupportedError`, if the name begins with `-`, or two options
 * exclude each other.
 */
export function checkRequest<T>(values: readonly unknown[]): CheckedRequest<T> {
  if (values.length < 2) {
    throw new TypeError(`Cannot ${TASK}: a name and a callback are needed`);
  }
  if (typeof values[0] === "symbol") {
    throw new TypeError(`Cannot ${TASK}: its name must be a string, not a symbol`);
  }
  const name = String(values[0]);
  const options = values.length > 2 ? values[1] ?? {} : {};
  const callback = values.length > 2 ? values[2] : values[1];
  if (typeof options !== "object" && typeof options !== "function") {
    throw new TypeError(`Cannot ${TASK}: options must be an object, not ${nameOf(options)}`);
  }
  const { ifAvailable, mode = "exclusive", signal, steal, timeout } =
    options as LockRequestSyncOptions;
  if (`${mode}` !== "exclusive" && `${mode}` !== "shared") {
    throw new TypeError(
      `Cannot ${TASK}: mode must be "exclusive" or "shared", not ${nameOf(mode)}`,
    );
  }
  if (typeof callback !== "function") {
    throw new TypeError(`Cannot ${TASK}: the callback must be a function, not ${nameOf(callback)}`);
  }
  checkAcquireOptions({ signal, timeout }, TASK);
  const flaw = name.startsWith("-")
    ? `its name begins with "-", which is reserved: ${JSON.stringify(name)}`
    : steal && ifAvailable
    ? "steal and ifAvailable exclude each other"
    : steal && `${mode}` !== "exclusive"
    ? "only an exclusive lock can be stolen"
    : signal !== undefined && (steal || ifAvailable)
    ? `signal and ${steal ? "steal" : "ifAvailable"} exclude each other: it never waits`
    : undefined;
  if (flaw !== undefined) throw new DOMException(`Cannot ${TASK}: ${flaw}`, "NotSupportedError");
  signal?.throwIfAborted();
  return {
    name,
    mode: `${mode}`,
    ifAvailable: Boolean(ifAvailable),
    steal: Boolean(steal),
    signal,
    timeout,
    // SAFETY: that it is a function was checked; the types of the caller say of which kind.
    callback: callback as LockCallback<T>,
  };
}
