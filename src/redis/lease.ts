import { LockLostError } from "../contract/errors.ts";
import { millisecondsSince, type Moment, thisMoment } from "../runtime/moment.ts";

/** What a {@linkcode Lease} is to be. */
export interface LeaseTerms {
  /** What it is a lease of, for messages. */
  readonly name: string;
  /** How long the server keeps it, in milliseconds. */
  readonly leaseTime: number;
  /** How long it is renewed, in milliseconds. */
  readonly maxHold: number;
  /** Renews it. `false` where it is not held any more; throws where that is not known. */
  renew(): Promise<boolean>;
}

/** How much of a lease is not used: the clocks of two machines differ by less. */
const DRIFT = 0.01;
const DRIFT_MS = 2;
/** What part of a lease before its end a hold counts as lost, so that its work can stop in time. */
const MARGIN = 0.1;

/** How long after its request was sent a lease can be relied on, in milliseconds. */
export function reliableTime(leaseTime: number): number {
  return leaseTime - leaseTime * DRIFT - DRIFT_MS;
}

/**
 * A hold that ends by itself, and is renewed after each third of its time until it is ended. It
 * counts as lost before the server can give it to somebody else, whatever becomes of the renewals:
 * that is judged by the clock of this machine alone, from when the last request that succeeded was
 * sent.
 */
export class Lease {
  readonly #terms: LeaseTerms;
  readonly #start: Moment;
  #sent: Moment;
  #renewing = false;
  /** The time since `#sent` at which it is renewed. */
  #renewAt: number;
  #failure: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #controller: AbortController | undefined;
  #lost: LockLostError | undefined;
  #ended = false;

  /** A lease that was asked for at `sent`. */
  constructor(terms: LeaseTerms, sent: Moment) {
    this.#terms = terms;
    this.#start = this.#sent = sent;
    this.#renewAt = terms.leaseTime / 3;
    this.#watch(0);
  }

  /** Aborts with a `LockLostError` when the lease is lost. */
  get signal(): AbortSignal {
    this.#look();
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#lost !== undefined) this.#controller.abort(this.#lost);
    }
    return this.#controller.signal;
  }

  /** Why it is lost; `undefined` as long as it is not. */
  get lost(): LockLostError | undefined {
    this.#look();
    return this.#lost;
  }

  /** Whether it goes on: neither ended nor lost. */
  get isOn(): boolean {
    return !this.#ended && this.lost === undefined;
  }

  /** Milliseconds that the server keeps it for certain, unless it is renewed. */
  get left(): number {
    return Math.max(0, reliableTime(this.#terms.leaseTime) - millisecondsSince(this.#sent));
  }

  /** Ends the renewals and the watch. What is lost by now stays so. */
  end(): void {
    this.#look();
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    if (this.#ended || this.#lost !== undefined) return;
    const { leaseTime, maxHold } = this.#terms;
    const since = millisecondsSince(this.#sent);
    if (since >= reliableTime(leaseTime) - leaseTime * MARGIN) {
      this.#lose("its lease could not be renewed in time", this.#failure);
    } else if (maxHold !== Infinity && millisecondsSince(this.#start) >= maxHold) {
      this.#lose(`it was held for longer than its maxHold of ${maxHold} ms`);
    }
  }

  #lose(why: string, cause?: unknown): void {
    if (this.#ended || this.#lost !== undefined) return;
    clearTimeout(this.#timer);
    const options = cause === undefined ? undefined : { cause };
    this.#lost = new LockLostError(`Lost "${this.#terms.name}": ${why}`, options);
    this.#controller?.abort(this.#lost);
  }

  /** Sets the timer for what comes next: a renewal, the loss, the end of the longest hold. */
  #watch(since: number): void {
    const { leaseTime, maxHold } = this.#terms;
    const lostAt = reliableTime(leaseTime) - leaseTime * MARGIN;
    let next = this.#renewing ? lostAt : Math.min(this.#renewAt, lostAt);
    if (maxHold !== Infinity) {
      next = Math.min(next, since + maxHold - millisecondsSince(this.#start));
    }
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, Math.ceil(next - since)));
  }

  #tick(): void {
    this.#look();
    if (this.#ended || this.#lost !== undefined) return;
    const since = millisecondsSince(this.#sent);
    if (!this.#renewing && since >= this.#renewAt) this.#renew();
    this.#watch(since);
  }

  async #renew(): Promise<void> {
    this.#renewing = true;
    const sent = thisMoment();
    try {
      if (await this.#terms.renew()) {
        this.#look(); // An answer that comes too late does not bring back what is lost.
        this.#sent = sent;
        this.#renewAt = this.#terms.leaseTime / 3;
        this.#failure = undefined;
      } else this.#lose("the server does not have it any more");
    } catch (error) {
      this.#failure = error;
      this.#renewAt = millisecondsSince(this.#sent) + this.#terms.leaseTime / 20;
    }
    this.#renewing = false;
    if (this.#ended || this.#lost !== undefined) return;
    clearTimeout(this.#timer);
    this.#watch(millisecondsSince(this.#sent));
  }
}
