import { LockLostError } from "../../contract/errors.ts";
import { hooks } from "../../contract/lock_events.ts";
import type { InFlight } from "../client/in_flight.ts";
import { UnreachableError } from "../client/errors.ts";
import { retry } from "../client/retry.ts";
import type { Grant } from "./attempt.ts";
import { Lease } from "./lease.ts";
import { eventOf } from "./lease_events.ts";
import type { GuardedHold, GuardState } from "./lease_guard.ts";
import type { LeaseServer } from "./lease_server.ts";

/** The lock or semaphore of a {@linkcode Hold}, as the hold sees it. */
export interface HeldLock<Request extends HoldRequest> {
  /** Its name in messages. */
  readonly name: string;
  readonly maxHold: number;
  /** The operations under way to the server. */
  readonly inFlight: InFlight;
  readonly server: LeaseServer<Request>;
  /**
   * Called when the last guard was released. Returns whether the hold goes on for another guard.
   */
  keeps(hold: Hold<Request>): boolean;
}

/** The part of a request that every hold needs. */
export interface HoldRequest {
  readonly leaseTime: number;
}

/** The part of a grant that its hold needs. */
export type HeldGrant = Pick<Grant, "sent" | "term">;

/** How long a release waits for its answer, in milliseconds. */
const ANSWER_MS = 3000;
/** How long a release is tried again if the server cannot be reached, in milliseconds. */
export const RELEASE_MS = 2000;

/** A lease that a server has granted to this process, with one guard, or several if reentrant. */
export class Hold<Request extends HoldRequest = HoldRequest> implements GuardedHold {
  readonly lease: Lease;
  /** What the guards say; shared by the guards of one hold. */
  state: GuardState;
  /** How many guards are not released. */
  guards = 1;
  /** What the server was asked for. */
  request: Request;
  /** Whether nothing is held any more, and the program knows. */
  isOver = false;
  readonly #lock: HeldLock<Request>;

  /** The hold of a grant. */
  constructor(lock: HeldLock<Request>, request: Request, grant: HeldGrant, state: GuardState) {
    this.#lock = lock;
    this.request = request;
    this.state = state;
    const { name, maxHold } = lock;
    const renew = () => lock.server.renew(this.request);
    this.lease = new Lease(
      { name, leaseTime: request.leaseTime, maxHold, renew },
      grant.sent,
      grant.term,
    );
  }

  async release(): Promise<void> {
    if (--this.guards > 0) {
      if (this.lease.lost !== undefined) throw this.lostBefore(this.lease.lost);
      return;
    }
    if (!this.#lock.keeps(this)) await this.end();
  }

  /**
   * Ends the lease and releases the hold at the server.
   *
   * @param why If its guards do not know: what their signal tells them.
   * @throws {LockLostError} If it was lost before.
   * @throws {UnreachableError} If the server was not reached; the hold ends with its lease.
   */
  async end(why?: LockLostError): Promise<void> {
    const { name, inFlight, server } = this.#lock;
    if (this.isOver) throw this.lostBefore(this.lease.lost);
    this.isOver = true;
    const { lost, left } = this.lease.end();
    if (lost !== undefined) {
      // If only the connection was lost, the server may still have the hold. This does not wait.
      inFlight.track(server.release(this.request)).catch(() => {});
      throw this.lostBefore(lost);
    }
    if (why !== undefined) this.lease.failed(why); // Before another client can get it.
    const deadline = performance.now() + Math.min(left, RELEASE_MS);
    // A try without an answer may have released it already.
    const release = async (isUnsure: boolean) => await server.release(this.request) || isUnsure;
    if (!await this.#inTime(inFlight.track(retry(release, deadline)))) {
      const error = new LockLostError(`Lost "${name}" before it was released`);
      hooks.publish?.("lost", () => ({ ...eventOf(name), error }));
      throw error;
    }
    hooks.publish?.("release", () => eventOf(name));
  }

  /** Waits for the answer of a release, which goes on if that takes too long. */
  #inTime(answer: Promise<boolean>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const why = `no answer within ${ANSWER_MS} ms. The hold ends with its lease at the latest`;
        reject(new UnreachableError(`Cannot release "${this.#lock.name}": ${why}`, true));
      }, ANSWER_MS);
      answer.finally(() => clearTimeout(timer)).then(resolve, reject);
    });
  }

  /** The error of a release after the loss. */
  protected lostBefore(cause: LockLostError | undefined): LockLostError {
    return new LockLostError(
      `Cannot release "${this.#lock.name}": it was lost before, and another client may have held it`,
      { cause },
    );
  }
}
