import { LONGEST_TIMER_MS } from "../../contract/deadline.ts";
import { type AcquireOptions, nameOf } from "../../contract/options.ts";
import { checkFlag, checkNumber, checkOptions } from "../client/arguments.ts";

/** Options for `RedisLock`. */
export interface RedisLockOptions {
  /**
   * How long the server keeps a hold that is not renewed, in milliseconds, from 10. Waiters wait
   * this long for a holder that died. A hold is renewed after each third of it.
   *
   * @default {10_000}
   */
  leaseTime?: number;
  /**
   * How long a hold is renewed at most, in milliseconds. Then, or a little before, the signal of
   * its guard aborts, and the lease runs out.
   *
   * @default {Infinity}
   */
  maxHold?: number;
  /**
   * Whether `acquire` and `tryAcquire` share the lock by default. Shared requests queue behind
   * exclusive ones.
   *
   * @default {false}
   */
  shared?: boolean;
  /**
   * Whether this object can acquire the lock again while it holds it. Each guard is released by
   * itself, and the last one releases the lock. It depends on the object, not on the task.
   *
   * @default {false}
   */
  reentrant?: boolean;
  /**
   * Whether all processes get the lock in the order in which they asked the server for it. If not,
   * a client that asks at the right moment can overtake, and fewer hand-offs are needed. A waiter
   * that is woken and does not come within half a second is overtaken; in a cluster, within a tenth
   * of a second.
   *
   * @default {false}
   */
  fair?: boolean;
  /**
   * Whether the tasks of this object hand the lock on among themselves without the server, up to a
   * bound. Then it is released, and waiters at the server get it first. `true` is
   * `{ holds: 100, time: 50 }`.
   *
   * @default {false}
   */
  localHandOff?: boolean | LocalHandOffOptions;
  /**
   * How many replicas must have a hold, and each renewal of it, before it counts (`WAIT`). After a
   * failover to one of these, a holder at the old master cannot renew once fewer than `count`
   * replicas follow it, and its guard counts as lost before the new master can grant the lock again,
   * if the clocks of the two servers agree.
   *
   * The lock is still granted twice if a replica without the hold becomes the master, for up to one
   * lease, and for as long as `count` replicas follow the old master. It uses a connection of its
   * own, so a client of several servers (a cluster, `createSentinel` of node-redis) is refused.
   */
  replicas?: ReplicaOptions;
  /**
   * With several servers: whether a server that was started less than a lease ago has no vote,
   * since it may have forgotten its last one. So a fresh set of servers grants nothing for the time
   * of a lease. Not needed if all servers store each write before they answer (`appendonly yes`,
   * `appendfsync always`).
   *
   * If clients of the lock have different leases, the longest one counts: each server knows the
   * longest that it was asked for within a day. If all servers that know it may be restarted or out
   * of reach within one lease, give all clients the longest lease as a number, in milliseconds.
   *
   * @default {true}
   */
  restartGuard?: boolean | number;
  /** A name of the holder, for others to read; at most 100 characters. */
  label?: string;
}

/** Options for the tasks of one object that hand a lock on among themselves. */
export interface LocalHandOffOptions {
  /**
   * How many tasks hold it one after the other, from 1 to 1,000,000.
   *
   * @default {100}
   */
  holds?: number;
  /**
   * For how long they hand it on, in milliseconds.
   *
   * @default {50}
   */
  time?: number;
}

/** Options for the replicas that must confirm a hold. */
export interface ReplicaOptions {
  /** How many replicas must confirm it, from 1 to 1000. */
  count: number;
  /**
   * How long to wait for them, in milliseconds: a whole number from 1, and less than the lease. It
   * is added to `commandTimeout`.
   */
  timeout: number;
}

/** Options for `RedisLock.tryAcquire`. */
export interface RedisTryAcquireOptions {
  /**
   * Whether to share the lock with other shared holders.
   *
   * @default {false} or the lock's option `shared`
   */
  shared?: boolean;
}

/** Options for `RedisLock.acquire`. */
export interface RedisAcquireOptions extends AcquireOptions, RedisTryAcquireOptions {}

/** The options of a lock with their defaults. */
export interface LockSettings {
  readonly leaseTime: number;
  readonly maxHold: number;
  readonly shared: boolean;
  readonly reentrant: boolean;
  readonly fair: boolean;
  readonly localHandOff: Required<LocalHandOffOptions> | undefined;
  readonly replicas: ReplicaOptions | undefined;
  readonly restartGuard: boolean | number;
  readonly label: string | undefined;
}

const LABEL_LENGTH = 100;

/**
 * Checks options, and fills in the defaults.
 *
 * @param what What they are for, to follow "Cannot".
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If it is out of bounds.
 */
export function settingsOf(
  options: RedisLockOptions,
  what: string = "create a lock",
): LockSettings {
  checkOptions(what, options);
  const { leaseTime = 10_000, maxHold = Infinity, localHandOff, replicas, label } = options;
  const number = (name: string, value: unknown, least: number, most: number) => {
    checkNumber(what, name, value, least, most);
    return value;
  };
  const whole = (name: string, value: unknown, least: number, most: number) => {
    if (Number.isInteger(number(name, value, least, most))) return value as number;
    throw new RangeError(`Cannot ${what}: ${name} must be a whole number: ${value}`);
  };
  const flag = (name: "shared" | "reentrant" | "fair") => {
    const { [name]: value = false } = options;
    checkFlag(what, name, value);
    return value;
  };
  if (label !== undefined && typeof label !== "string") {
    throw new TypeError(`Cannot ${what}: label must be a string, not ${nameOf(label)}`);
  }
  if (label !== undefined && label.length > LABEL_LENGTH) {
    throw new RangeError(
      `Cannot ${what}: label must have at most ${LABEL_LENGTH} characters: ${label.length}`,
    );
  }
  whole("leaseTime", leaseTime, 10, LONGEST_TIMER_MS);
  const settings = {
    leaseTime,
    maxHold: number("maxHold", maxHold, 1, Infinity),
    shared: flag("shared"),
    reentrant: flag("reentrant"),
    fair: flag("fair"),
    localHandOff: handOff(),
    replicas: confirmation(),
    restartGuard: guard(),
    label,
  };
  if (settings.localHandOff !== undefined && settings.reentrant) {
    throw new TypeError(`Cannot ${what} with both localHandOff and reentrant: choose one`);
  }
  return settings;

  function guard(): boolean | number {
    const { restartGuard = true } = options;
    if (typeof restartGuard === "boolean") return restartGuard;
    if (typeof restartGuard === "number") {
      return whole("restartGuard", restartGuard, leaseTime, LONGEST_TIMER_MS);
    }
    throw new TypeError(
      `Cannot ${what}: restartGuard must be true, false or a number of milliseconds, not ${
        nameOf(restartGuard)
      }`,
    );
  }

  function handOff(): Required<LocalHandOffOptions> | undefined {
    if (localHandOff === undefined || localHandOff === false) return undefined;
    const given = localHandOff === true ? {} : localHandOff;
    if (typeof given !== "object" || given === null) {
      throw new TypeError(
        `Cannot ${what}: localHandOff must be true, false or an object, not ${nameOf(given)}`,
      );
    }
    const { holds = 100, time = 50 } = given;
    return {
      holds: whole("localHandOff.holds", holds, 1, 1_000_000),
      time: number("localHandOff.time", time, 0, Infinity),
    };
  }

  function confirmation(): ReplicaOptions | undefined {
    if (replicas === undefined) return undefined;
    if (typeof replicas !== "object" || replicas === null) {
      throw new TypeError(
        `Cannot ${what}: replicas must be an object such as { count: 1, timeout: 100 }: ${
          nameOf(replicas)
        }`,
      );
    }
    return {
      count: whole("replicas.count", replicas.count, 1, 1000),
      timeout: whole("replicas.timeout", replicas.timeout, 1, leaseTime - 1),
    };
  }
}
