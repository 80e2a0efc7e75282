import { LockLostError } from "../contract/errors.ts";
import type { Moment } from "../runtime/moment.ts";
import { UnreachableError } from "./errors.ts";
import { Lease } from "./lease.ts";
import type { GuardedHold } from "./redis_guard.ts";

/** What a {@linkcode Hold} is to be. */
export interface HoldTerms {
  /** What is held, for messages. */
  readonly name: string;
  readonly leaseTime: number;
  readonly maxHold: number;
  /** Renews it; `false` where it is held no more. */
  renew(): Promise<boolean>;
  /** Gives it back; `false` where it was held no more. Can be asked again. */
  release(): Promise<boolean>;
  /** Called when the last guard has let go, or to keep the hold for another guard: then `true`. */
  onFree(hold: Hold): boolean;
}

/** How long a release is tried where the server cannot be reached, in milliseconds. */
const RELEASE_MS = 2000;
const RETRY_MS = 50;

/** What one process holds: a lease with one guard, or several if it is reentrant. */
export class Hold implements GuardedHold {
  readonly lease: Lease;
  /** How many guards have it. */
  guards = 1;
  readonly #terms: HoldTerms;

  /** A hold that was asked for at `sent`. */
  constructor(terms: HoldTerms, sent: Moment) {
    this.#terms = terms;
    this.lease = new Lease(terms, sent);
  }

  async giveBack(): Promise<void> {
    if (--this.guards > 0) {
      if (this.lease.lost !== undefined) throw this.#lost(this.lease.lost);
      return;
    }
    if (!this.#terms.onFree(this)) await this.end();
  }

  /**
   * Ends the lease and gives the hold back to the server.
   *
   * @throws {LockLostError} If it was lost before.
   * @throws {UnreachableError} If the server could not be told; it forgets it with the lease.
   */
  async end(): Promise<void> {
    const { lost, left } = this.lease;
    this.lease.end();
    if (lost !== undefined) {
      // The server may have it yet, if it was the way to it that was lost. Nobody waits for that.
      this.#terms.release().catch(() => {});
      throw this.#lost(lost);
    }
    if (!await this.#release(performance.now() + Math.min(left, RELEASE_MS))) {
      throw new LockLostError(`Lost "${this.#terms.name}" before it was released`);
    }
  }

  async #release(deadline: number): Promise<boolean> {
    for (let unsure = false;;) {
      try {
        // Who was not answered may have released it at the first try.
        return await this.#terms.release() || unsure;
      } catch (error) {
        if (!(error instanceof UnreachableError) || performance.now() + RETRY_MS >= deadline) {
          throw error;
        }
        unsure ||= error.mayHaveHappened;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #lost(cause: LockLostError): LockLostError {
    return new LockLostError(
      `Cannot release "${this.#terms.name}": it was lost before, and somebody else may have had it`,
      { cause },
    );
  }
}
