import type { LeaseDeadline } from "../lease/lease_deadline.ts";
import { sharableGuardOf } from "../lease/lease_guard.ts";
import type { RedisSharableGuard } from "../lease/redis_guard.ts";
import type { LockHold } from "./lock_hold.ts";
import type { LocalHandOffOptions } from "./redis_lock_options.ts";

/** The hold that the tasks of one object hand on among themselves, up to a bound. */
export class LocalHandOff {
  readonly #bounds: Required<LocalHandOffOptions>;
  #hold: LockHold | undefined;
  #first = 0;
  #token = 0;
  #left = 0;
  #began = 0;
  #isClosed = false;
  #until = 0;
  /** Tells the task whose turn is next that it has the hold, or that it must ask the server. */
  #heir: ((guard: RedisSharableGuard | undefined) => void) | undefined;

  constructor(bounds: Required<LocalHandOffOptions>) {
    this.#bounds = bounds;
  }

  /** Begins to hand on a hold that the server has granted, with a token for each guard. */
  begin(hold: LockHold, token: number): void {
    if (this.#isClosed) return; // The close ends the hold.
    this.#hold = hold;
    this.#first = this.#token = token;
    this.#left = this.#bounds.holds - 1;
    this.#began = performance.now();
    this.#until = this.#began + this.#bounds.time;
  }

  /** Ends the hand-offs for good. */
  close(): void {
    this.#isClosed = true;
    this.end();
  }

  /**
   * Waits, for the one task whose turn it is, until the hold is handed on or released. `undefined`
   * if the task must ask the server.
   */
  async next(deadline: LeaseDeadline): Promise<RedisSharableGuard | undefined> {
    const hold = this.#hold;
    if (hold === undefined || hold.lease.lost !== undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<RedisSharableGuard | undefined>();
    this.#heir = resolve;
    const lost = () => resolve(undefined);
    const { signal } = hold.lease;
    signal.addEventListener("abort", lost);
    try {
      return await deadline.wait(promise);
    } catch (error) {
      // If the hold came at the same time as the deadline, it goes on to others.
      if (this.#heir !== resolve) promise.then((guard) => guard?.release()).catch(() => {});
      throw error;
    } finally {
      signal.removeEventListener("abort", lost);
      if (this.#heir === resolve) this.#heir = undefined;
    }
  }

  /** Ends the hand-offs, if it is this hold that is handed on: the next task asks the server. */
  end(hold: LockHold | undefined = this.#hold): void {
    if (hold !== this.#hold) return;
    this.#hold = undefined;
    this.#heir?.(undefined);
  }

  /** Hands the hold on, if a task waits and the bounds allow it; if not, it must be released. */
  pass(hold: LockHold): boolean {
    if (hold !== this.#hold) return false;
    const heir = this.#heir;
    this.#heir = undefined;
    const stays = this.#left > 0 && performance.now() < this.#until;
    if (heir !== undefined && stays && hold.lease.lost === undefined) {
      this.#left--;
      hold.guards = 1;
      hold.state = {
        token: this.#next(),
        recovered: false,
        previousOwner: undefined,
        shared: false,
      };
      heir(sharableGuardOf(hold));
      return true;
    }
    this.#hold = undefined;
    heir?.(undefined); // It asks the server after the release was sent.
    return false;
  }

  /**
   * The next token. A token must not be ahead of the server's clock, which mints the first one
   * after a loss of its data; so it is used when its microsecond has come.
   */
  #next(): number {
    const after = (++this.#token - this.#first) / 1000;
    while (performance.now() - this.#began < after); // Hardly ever: a hand-off takes longer.
    return this.#token;
  }
}
