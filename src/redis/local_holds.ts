import type { Hold } from "./hold.ts";
import type { Patience } from "./patience.ts";
import { RedisGuard } from "./redis_guard.ts";
import type { LocalBounds } from "./redis_lock_options.ts";

/** The hold that the tasks of one object hand on among themselves, up to a bound. */
export class LocalHolds {
  readonly #bounds: Required<LocalBounds>;
  #hold: Hold | undefined;
  #token = 0;
  #left = 0;
  #until = 0;
  /** Tells the task whose turn is next that it has the hold, or that it has to ask the server. */
  #heir: ((guard: RedisGuard | undefined) => void) | undefined;

  constructor(bounds: Required<LocalBounds>) {
    this.#bounds = bounds;
  }

  /** The server has given a hold, and as many tokens as it can have guards. */
  begin(hold: Hold, token: number): void {
    this.#hold = hold;
    this.#token = token;
    this.#left = this.#bounds.holds - 1;
    this.#until = performance.now() + this.#bounds.time;
  }

  /**
   * Waits, for the one task whose turn it is, until the hold is handed on or given back. `undefined`
   * where it has to ask the server.
   */
  async next(patience: Patience): Promise<RedisGuard | undefined> {
    const hold = this.#hold;
    if (hold === undefined || hold.lease.lost !== undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<RedisGuard | undefined>();
    this.#heir = resolve;
    const lost = () => resolve(undefined);
    const { signal } = hold.lease;
    signal.addEventListener("abort", lost);
    try {
      return await patience.for(promise);
    } catch (error) {
      // If it came with the end of the patience, it goes on to others.
      if (this.#heir !== resolve) promise.then((guard) => guard?.release()).catch(() => {});
      throw error;
    } finally {
      signal.removeEventListener("abort", lost);
      if (this.#heir === resolve) this.#heir = undefined;
    }
  }

  /** Ends the wait of the task whose turn it is; from then on nothing is handed on. */
  end(): void {
    this.#hold = undefined;
    this.#heir?.(undefined);
  }

  /** Hands the hold on, if somebody waits and it may stay; if not, it is to be given back. */
  pass(hold: Hold): boolean {
    if (hold !== this.#hold) return false;
    const heir = this.#heir;
    this.#heir = undefined;
    const stays = this.#left > 0 && performance.now() < this.#until;
    if (heir !== undefined && stays && hold.lease.lost === undefined) {
      this.#left--;
      hold.guards = 1;
      heir(new RedisGuard(hold, ++this.#token));
      return true;
    }
    this.#hold = undefined;
    heir?.(undefined); // Its question goes out behind the release.
    return false;
  }
}
