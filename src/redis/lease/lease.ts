import { LockLostError } from "../../contract/errors.ts";
import { hooks } from "../../contract/lock_events.ts";
import type { PlatformAbortSignal } from "../../contract/platform.ts";
import { type Instant, millisecondsSince, thisInstant } from "../../runtime/waiting/instant.ts";
import { eventOf } from "./lease_events.ts";

/** The terms of a {@linkcode Lease}. */
export interface LeaseTerms {
  /** The name of the lock or semaphore, for messages. */
  readonly name: string;
  /** How long the server keeps it, in milliseconds. */
  readonly leaseTime: number;
  /** How long it is renewed, in milliseconds. */
  readonly maxHold: number;
  /** Renews it. `false` if it is not held any more; throws if that is not known. */
  renew(): Promise<boolean>;
}

/** The part of a lease that is not used: the clocks of two machines differ by less. */
const DRIFT = 0.01;
const DRIFT_MS = 2;
/** The part of a lease before its end when it counts as lost, so that its work can stop in time. */
const MARGIN = 0.1;
/** How long the answer to a confirmation may lie unread while the program is busy. */
const UNREAD_MS = 20;

/** How long after its request was sent a lease can be relied on, in milliseconds. */
export function reliableTime(leaseTime: number): number {
  return leaseTime - leaseTime * DRIFT - DRIFT_MS;
}

/**
 * How long after its request was sent a lease counts as held, in milliseconds. A grant whose answer
 * comes later would be lost at once.
 */
export function safeTime(leaseTime: number): number {
  return reliableTime(leaseTime) - leaseTime * MARGIN;
}

/**
 * A hold that ends by itself, and is renewed after each third of its time until it is ended. It
 * counts as lost before the server can give it to another client, even if a renewal is still under
 * way. Only the clock of this machine decides that, from the moment when the last request that
 * succeeded was sent.
 *
 * A lease that a release has granted is kept for a shorter time until a renewal confirms it, which
 * is sent at once. If the program does not look up until that time is over, the answer is waited
 * for: it says whether the hold went on without a gap, since its value is its own.
 */
export class Lease {
  readonly #terms: LeaseTerms;
  #start: Instant;
  #sent: Instant;
  /** How long the server keeps it after `#sent`: less than its lease until it is confirmed. */
  #term: number;
  /** The time since `#sent` until which an answer that may be there is read. */
  #readBy: number | undefined;
  /** A renewal or a change that is under way. */
  #busy: Promise<void> | undefined;
  /** The time since `#sent` at which it is renewed. */
  #renewAt: number;
  #failure: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #controller: AbortController | undefined;
  #lost: LockLostError | undefined;
  #isSuspended = false;
  #ended = false;

  /** A lease whose request was sent at `sent`, of `term` ms until it is confirmed. */
  constructor(terms: LeaseTerms, sent: Instant, term: number = terms.leaseTime) {
    this.#terms = terms;
    this.#start = this.#sent = sent;
    this.#term = term;
    this.#renewAt = terms.leaseTime / 3;
    this.#confirm();
    this.#watch(0);
  }

  /** Aborts with a `LockLostError` when the lease is lost. */
  get signal(): PlatformAbortSignal {
    this.#look();
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#lost !== undefined) this.#controller.abort(this.#lost);
    }
    return this.#controller.signal;
  }

  /** Why the lease was lost; `undefined` if it was not. */
  get lost(): LockLostError | undefined {
    this.#look();
    return this.#lost;
  }

  /** Whether the lease goes on: neither ended, nor suspended, nor lost. */
  get isOn(): boolean {
    return !this.#ended && !this.#isSuspended && this.lost === undefined && this.left > 0;
  }

  /** For how many milliseconds the server surely keeps the hold, unless it is renewed. */
  get left(): number {
    return Math.max(0, reliableTime(this.#term) - millisecondsSince(this.#sent));
  }

  /** Ends the renewals and the watch. Returns {@linkcode lost} and {@linkcode left} as of now. */
  end(): { lost: LockLostError | undefined; left: number } {
    const since = millisecondsSince(this.#sent);
    this.#look(since);
    this.#ended = true;
    clearTimeout(this.#timer);
    return { lost: this.#lost, left: Math.max(0, reliableTime(this.#term) - since) };
  }

  /**
   * Runs `change` while no renewal is under way: it waits for one that is, and the next begins when
   * the change has settled. The lease can be lost meanwhile.
   */
  async withoutRenewals<T>(change: () => Promise<T>): Promise<T> {
    while (this.#busy !== undefined) await this.#busy;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy = promise;
    try {
      return await change();
    } finally {
      this.#busy = undefined;
      resolve();
      this.#watchAgain();
    }
  }

  /** The lease began anew by a request that was sent at `sent`. A lost lease stays lost. */
  renewed(sent: Instant): void {
    this.#look();
    this.#sent = sent;
    this.#term = this.#terms.leaseTime;
    this.#readBy = undefined;
    this.#renewAt = this.#terms.leaseTime / 3;
    this.#failure = undefined;
  }

  /** The hold was given up, to acquire another one: it cannot be lost until {@linkcode resume}. */
  suspend(): void {
    this.#isSuspended = true;
    clearTimeout(this.#timer);
  }

  /** There is a hold again, by a request that was sent at `sent`, as at the beginning. */
  resume(sent: Instant, term: number = this.#terms.leaseTime): void {
    this.#start = this.#sent = sent;
    this.#isSuspended = false; // It was not lost meanwhile, however long that took.
    this.renewed(sent);
    this.#term = term;
    this.#confirm();
    this.#watchAgain();
  }

  /** The hold is lost for the reason that `error` gives, unless it was lost before. */
  lose(error: LockLostError): void {
    if (this.#ended || this.#lost !== undefined) return;
    clearTimeout(this.#timer);
    this.#lost = error;
    hooks.publish?.("lost", () => ({ ...eventOf(this.#terms.name), error }));
    this.#controller?.abort(error);
  }

  /** A release that its caller did not wait for has failed: the signal reports it. */
  failed(error: LockLostError): void {
    this.#lost ??= error;
    this.#controller?.abort(this.#lost);
  }

  #look(since: number = millisecondsSince(this.#sent)): void {
    if (this.#ended || this.#isSuspended || this.#lost !== undefined) return;
    const { maxHold } = this.#terms;
    if (since >= safeTime(this.#term)) {
      if (this.#term < this.#terms.leaseTime) {
        if (this.#readBy === undefined) {
          this.#readBy = since + UNREAD_MS;
          this.#watchAgain();
        }
        if (since < this.#readBy) return;
      }
      this.#lose("its lease could not be renewed in time", this.#failure);
    } else if (maxHold !== Infinity && millisecondsSince(this.#start) >= maxHold) {
      this.#lose(`it was held for longer than its maxHold of ${maxHold} ms`);
    }
  }

  #lose(why: string, cause?: unknown): void {
    const options = cause === undefined ? undefined : { cause };
    this.lose(new LockLostError(`Lost "${this.#terms.name}": ${why}`, options));
  }

  /** Sets the timer for the next event: a renewal, the loss, the end of the longest hold. */
  #watch(since: number): void {
    const { maxHold } = this.#terms;
    const lostAt = this.#readBy ?? safeTime(this.#term);
    let next = this.#busy === undefined ? Math.min(this.#renewAt, lostAt) : lostAt;
    if (maxHold !== Infinity) {
      next = Math.min(next, since + maxHold - millisecondsSince(this.#start));
    }
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, Math.ceil(next - since)));
  }

  #watchAgain(): void {
    if (this.#ended || this.#isSuspended || this.#lost !== undefined) return;
    clearTimeout(this.#timer);
    this.#watch(millisecondsSince(this.#sent));
  }

  #tick(): void {
    this.#look();
    if (this.#ended || this.#isSuspended || this.#lost !== undefined) return;
    const since = millisecondsSince(this.#sent);
    if (this.#busy === undefined && since >= this.#renewAt) {
      this.withoutRenewals(() => this.#renew());
    }
    this.#watch(since);
  }

  /** Sends a renewal before the program goes on, which may then be busy for long. */
  #confirm(): void {
    if (this.#term < this.#terms.leaseTime) this.withoutRenewals(() => this.#renew());
  }

  async #renew(): Promise<void> {
    const sent = thisInstant();
    try {
      if (await this.#terms.renew()) this.renewed(sent);
      else if (!this.#ended) this.#lose("the server does not have it any more");
    } catch (error) {
      this.#failure = error;
      this.#renewAt = millisecondsSince(this.#sent) + this.#term / 20;
    }
  }
}
