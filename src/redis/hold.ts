import { LockLostError } from "../contract/errors.ts";
import type { Moment } from "../runtime/moment.ts";
import { untilAnswered } from "./again.ts";
import type { InFlight } from "./in_flight.ts";
import { Lease } from "./lease.ts";
import type { GuardedHold } from "./redis_guard.ts";
import type { LockRequest } from "./server_lock.ts";

/** Who holds, and how it renews and gives back what it was given for a request. */
export interface Holder<Request extends { readonly leaseTime: number }> {
  /** What is held, for messages. */
  readonly name: string;
  readonly maxHold: number;
  /** The operations under way to the server. */
  readonly inFlight: InFlight;
  /** Renews it; `false` where it is held no more. */
  renew(request: Request): Promise<boolean>;
  /** Gives it back; `false` where it was held no more. Can be asked again. */
  release(request: Request): Promise<boolean>;
  /** Called when the last guard has let go: whether the hold goes on for another guard. */
  goesOn(hold: Hold<Request>): boolean;
}

/** How long a release is tried where the server cannot be reached, in milliseconds. */
export const RELEASE_MS = 2000;

/** What one process holds: a lease with one guard, or several if it is reentrant. */
export class Hold<Request extends { readonly leaseTime: number } = LockRequest>
  implements GuardedHold {
  readonly lease: Lease;
  /** How many guards have it. */
  guards = 1;
  #ended = false;
  readonly #holder: Holder<Request>;
  readonly #request: Request;

  /** A hold that was asked for at `sent`. */
  constructor(holder: Holder<Request>, request: Request, sent: Moment) {
    this.#holder = holder;
    this.#request = request;
    const { name, maxHold } = holder;
    const renew = () => holder.renew(request);
    this.lease = new Lease({ name, leaseTime: request.leaseTime, maxHold, renew }, sent);
  }

  async giveBack(): Promise<void> {
    if (--this.guards > 0) {
      if (this.lease.lost !== undefined) throw this.#lost(this.lease.lost);
      return;
    }
    if (!this.#holder.goesOn(this)) await this.end();
  }

  /**
   * Ends the lease and gives the hold back to the server.
   *
   * @throws {LockLostError} If it was lost before.
   * @throws {UnreachableError} If the server could not be told; it forgets it with the lease.
   */
  async end(): Promise<void> {
    if (this.#ended) throw new Error(`Cannot release "${this.#holder.name}": it was closed before`);
    this.#ended = true;
    const { lost, left } = this.lease.end();
    if (lost !== undefined) {
      // The server may have it yet, if it was the way to it that was lost. Nobody waits for that.
      this.#holder.inFlight.track(this.#holder.release(this.#request)).catch(() => {});
      throw this.#lost(lost);
    }
    const deadline = performance.now() + Math.min(left, RELEASE_MS);
    // A try without an answer may have released it already.
    const release = async (isUnsure: boolean) =>
      await this.#holder.release(this.#request) || isUnsure;
    if (!await this.#holder.inFlight.track(untilAnswered(release, deadline))) {
      throw new LockLostError(`Lost "${this.#holder.name}" before it was released`);
    }
  }

  #lost(cause: LockLostError): LockLostError {
    return new LockLostError(
      `Cannot release "${this.#holder.name}": it was lost before, and somebody else may have had it`,
      { cause },
    );
  }
}
