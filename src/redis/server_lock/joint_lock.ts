import { UnsupportedError } from "../../contract/errors.ts";
import type { Owner } from "../../contract/owner.ts";
import { thisInstant } from "../../runtime/waiting/instant.ts";
import type { RedisAdapter } from "../client/adapter.ts";
import { explained, MisconfiguredError } from "../client/errors.ts";
import { partOf } from "../client/names.ts";
import { Script } from "../client/script.ts";
import type { Attempt, Grant } from "../lease/attempt.ts";
import { ACQUIRE_JOINTLY } from "./joint_scripts.ts";
import { attemptIn, type AttemptReply, type LockRequest, ServerLock } from "./server_lock.ts";

const acquire = new Script(ACQUIRE_JOINTLY);

/**
 * The locks of several names on one server, which are held exclusively and together. One script
 * acquires all or none. They are renewed and released one by one: a client that has lost one of them
 * has lost the hold, and each release wakes the waiters of its name.
 */
export class JointLock {
  /** Its name in messages. */
  readonly what: string;
  /** The lock of each name. */
  readonly locks: readonly ServerLock[];
  readonly #adapter: RedisAdapter;
  readonly #all: readonly string[];
  readonly #taking: readonly string[];

  /**
   * The locks called `names`.
   *
   * @throws {TypeError} If a name cannot be used.
   */
  constructor(adapter: RedisAdapter, names: readonly string[]) {
    const keys = (...parts: readonly string[]) =>
      names.flatMap((name) => parts.map((part) => partOf(name, part)));
    this.#adapter = adapter;
    this.#all = keys("lock", "token", "shared", "queue", "seen");
    this.#taking = keys("lock", "token");
    const what = this.what = `the locks ${names.map((name) => `"${name}"`).join(", ")}`;
    this.locks = names.map((name) => new ServerLock(adapter, name, what));
  }

  /** Acquires all of them, or none and queues for all. */
  async attempt(request: LockRequest, waiter = "", ticket = ""): Promise<Attempt> {
    const { value, leaseTime, fair = false } = request;
    const args = [value, `${leaseTime}`, fair ? "1" : "0", waiter, ticket];
    const sent = thisInstant();
    try {
      const answer = acquire.run(this.#adapter, this.#all, args);
      return attemptIn(await explained(`acquire ${this.what}`, answer) as AttemptReply, sent);
    } catch (error) {
      if (!(error instanceof MisconfiguredError) || error.code !== "CROSSSLOT") throw error;
      const advice = `Cannot acquire ${this.what}: they are in different slots of the cluster. ` +
        'Begin the names with one hash tag, as in "{jobs}a" and "{jobs}b"';
      throw new MisconfiguredError(advice, error.code, { cause: error });
    }
  }

  /** Renews the leases; `false` if one of them is not held any more. */
  renew(request: LockRequest): Promise<boolean> {
    return this.#each((lock) => lock.renew(request));
  }

  /** Releases all of them; `false` if one of them was not held any more. */
  release(request: LockRequest): Promise<boolean> {
    return this.#each((lock) => lock.release(request));
  }

  /** Releases what a request may have got and was not used. */
  async withdraw(request: LockRequest, waiter = ""): Promise<void> {
    await this.#each((lock) => lock.withdraw(request, waiter).then(() => true));
  }

  /** Gives the hold of a request the value of `next`; see {@linkcode ServerLock.handOn}. */
  handOn(request: LockRequest, next: LockRequest, mints: boolean): Promise<Grant | undefined> {
    return this.locks[0].handOn(request, next, mints, this.#taking);
  }

  /** The exclusive holder of the first of them that is held, and since when. */
  async owner(): Promise<Owner | undefined> {
    const owners = await Promise.all(this.locks.map((lock) => lock.owner()));
    return owners.find((owner) => owner !== undefined);
  }

  /** Refuses: they cannot be shared. */
  downgrade(): Promise<never> {
    return Promise.reject(
      new UnsupportedError(
        `Cannot downgrade ${this.what}: several names are never shared. Use a lock of one name`,
      ),
    );
  }

  /** Never called, since a hold is never shared. */
  upgrade(): Promise<never> {
    return this.downgrade();
  }

  /** Waits for all answers, so that none comes later. */
  async #each(ask: (lock: ServerLock) => Promise<boolean>): Promise<boolean> {
    const answers = await Promise.allSettled(this.locks.map(ask));
    const failed = answers.find((answer) => answer.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return answers.every((answer) => answer.status === "fulfilled" && answer.value);
  }
}
