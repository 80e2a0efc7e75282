import type { AcquireOptions } from "../contract/options.ts";

/** How a {@linkcode RedisLock} is to be. */
export interface RedisLockOptions {
  /**
   * How long the server keeps a hold that is not renewed, in milliseconds, from 10: for so long the
   * others wait for a holder that died. It is renewed after each third of it.
   *
   * @default {10_000}
   */
  leaseTime?: number;
  /**
   * How long a hold is renewed at most, in milliseconds. After that, or a little before, its guard's
   * signal aborts, and the lease runs out.
   *
   * @default {Infinity}
   */
  maxHold?: number;
  /**
   * What `acquire` and `tryAcquire` take where they are not told: shared with other shared holders,
   * or alone. Who wants to share waits behind those who wait to be alone.
   *
   * @default {false}
   */
  shared?: boolean;
  /**
   * Whether this object, while it holds the lock, can take it again. Each guard is released by
   * itself, and the last one gives the lock back. It is the object that matters, not the task.
   *
   * @default {false}
   */
  reentrant?: boolean;
  /**
   * Whether the lock is given out in the order in which the server was asked for it, over all
   * processes. If not, who comes at the right moment is faster, and hand-overs are fewer. A waiter
   * that is woken and does not come within half a second is overtaken.
   *
   * @default {false}
   */
  fair?: boolean;
  /**
   * Whether the tasks of this object hand the lock on among themselves without the server, up to a
   * bound; then it is given back to the server, for others. `true` is `{ holds: 100, time: 50 }`.
   *
   * @default {false}
   */
  local?: boolean | LocalBounds;
  /**
   * How many replicas have to have a hold before it counts, by `WAIT`. If a replica that has it
   * becomes the master, the lock is not given out twice. That makes it less likely, not impossible:
   * one that has not may be chosen.
   */
  wait?: ReplicaWait;
  /**
   * With several servers: whether one that was started less than a lease ago has no vote, since it
   * may have forgotten whom it gave it to. Not needed if all of them store each write before they
   * answer (`appendonly yes`, `appendfsync always`). Servers that are all new give no lock before.
   *
   * @default {true}
   */
  restartGuard?: boolean;
  /** What the holder calls itself, for others to read; 100 characters at most. */
  label?: string;
}

/** For how long a lock stays with the tasks of one object. */
export interface LocalBounds {
  /**
   * How many tasks have it one after the other at most, from 1 to 1,000,000.
   *
   * @default {100}
   */
  holds?: number;
  /**
   * For how long they go on to hand it over, in milliseconds.
   *
   * @default {50}
   */
  time?: number;
}

/** How many replicas have to confirm, and within what time. */
export interface ReplicaWait {
  /** How many, from 1. */
  replicas: number;
  /** Milliseconds to wait for them, above 0; less than the lease. */
  timeout: number;
}

/** How to wait for a {@linkcode RedisLock}, and for what. */
export interface RedisAcquireOptions extends AcquireOptions {
  /**
   * Shared with other shared holders, instead of alone.
   *
   * @default {false} or what the lock was made with
   */
  shared?: boolean;
}

/** The options with their defaults. */
export interface LockSettings {
  readonly leaseTime: number;
  readonly maxHold: number;
  readonly shared: boolean;
  readonly reentrant: boolean;
  readonly fair: boolean;
  readonly local: Required<LocalBounds> | undefined;
  readonly wait: ReplicaWait | undefined;
  readonly restartGuard: boolean;
  readonly label: string | undefined;
}

const LABEL_LENGTH = 100;
/** The longest time that a timer can be set to. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If it is out of bounds.
 */
export function settingsOf(options: RedisLockOptions): LockSettings {
  const { leaseTime = 10_000, maxHold = Infinity, local, wait, label } = options;
  const flag = (name: "shared" | "reentrant" | "fair" | "restartGuard", byDefault = false) => {
    const value = options[name] ?? byDefault;
    if (typeof value === "boolean") return value;
    throw new TypeError(`Cannot make a lock: ${name} must be true or false: ${typeof value}`);
  };
  const settings = {
    leaseTime: whole("leaseTime", leaseTime, 10, LONGEST_MS),
    maxHold: number("maxHold", maxHold, 1, Infinity),
    shared: flag("shared"),
    reentrant: flag("reentrant"),
    fair: flag("fair"),
    local: boundsOf(local),
    wait: wait && {
      replicas: whole("wait.replicas", wait.replicas, 1, 1000),
      timeout: whole("wait.timeout", wait.timeout, 1, leaseTime - 1),
    },
    restartGuard: flag("restartGuard", true),
    label,
  };
  if (label !== undefined && (typeof label !== "string" || label.length > LABEL_LENGTH)) {
    const what = typeof label === "string" ? `${label.length} characters` : typeof label;
    throw new RangeError(
      `Cannot make a lock: label must be a string of ${LABEL_LENGTH} characters at most: ${what}`,
    );
  }
  if (settings.local !== undefined && (settings.fair || settings.reentrant)) {
    throw new TypeError("Cannot make a lock that is local and also fair or reentrant");
  }
  return settings;
}

function boundsOf(local: RedisLockOptions["local"]): Required<LocalBounds> | undefined {
  if (local === undefined || local === false) return undefined;
  if (local !== true && (typeof local !== "object" || local === null)) {
    throw new TypeError(`Cannot make a lock: local must be true, false or bounds: ${typeof local}`);
  }
  const { holds = 100, time = 50 } = local === true ? {} : local;
  return {
    holds: whole("local.holds", holds, 1, 1_000_000),
    time: number("local.time", time, 0, Infinity),
  };
}

function number(name: string, value: number, least: number, most: number): number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot make a lock: ${name} must be a number: ${typeof value}`);
  }
  if (value >= least && value <= most) return value;
  throw new RangeError(`Cannot make a lock: ${name} must be from ${least} to ${most}: ${value}`);
}

function whole(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(number(name, value, least, most))) {
    throw new RangeError(`Cannot make a lock: ${name} must be a whole number: ${value}`);
  }
  return value;
}
