import type { Deadline } from "../contract/deadline.ts";
import { LockLostError } from "../contract/errors.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import type { TrackedLockFile } from "./tracked_lock_file.ts";

const GAVE_UP = "the shared hold was given up to wait, and the wait failed";

/** A shared hold that becomes exclusive. It is lost unless {@linkcode Upgrade.finish} returns. */
export class Upgrade implements Disposable {
  readonly #tracked: TrackedLockFile;
  readonly #resume: (held: boolean) => void;
  #inPlace = false;
  #held = false;

  /** @param resume Called at the end with whether the suspended guards hold the lock again. */
  constructor(tracked: TrackedLockFile, resume: (held: boolean) => void) {
    this.#tracked = tracked;
    this.#resume = resume;
  }

  /** Makes the hold exclusive; false if others share the lock: the hold is given up then. */
  tryInPlace(): boolean {
    try {
      return this.#inPlace = this.#tracked.tryUpgrade();
    } catch (cause) {
      throw this.#lost(cause, "the system refused, and the shared hold was released");
    }
  }

  /** Waits for the exclusive lock after {@linkcode tryInPlace} returned false. */
  async wait(deadline: Deadline | undefined): Promise<void> {
    try {
      await this.#tracked.take(false, deadline);
    } catch (cause) {
      throw this.#lost(cause, GAVE_UP);
    }
  }

  /** The blocking version of {@linkcode wait}. */
  waitSync(deadline: Deadline | undefined): void {
    try {
      this.#tracked.takeSync(false, deadline);
    } catch (cause) {
      throw this.#lost(cause, GAVE_UP);
    }
  }

  /** Releases the lock again, and throws. */
  abandon(cause: unknown): never {
    if (this.#tracked.closed === undefined) this.#tracked.release();
    throw this.#lost(cause, GAVE_UP);
  }

  /**
   * Writes the record; if that fails, nothing is held any more.
   *
   * @returns Whether the lock was held without a gap.
   */
  finish(enter: () => void): boolean {
    // It may have been closed since the lock was granted, which has released it.
    const { closed } = this.#tracked;
    if (closed !== undefined) throw this.#lost(closed, GAVE_UP);
    try {
      enter();
    } catch (cause) {
      throw this.#lost(cause, "the record could not be written, and the hold was released");
    }
    this.#held = true;
    return this.#inPlace;
  }

  /** Gives the guards their hold back, or ends it. */
  [Symbol.dispose](): void {
    this.#resume(this.#held);
  }

  #lost(cause: unknown, why: string): LockLostError {
    return new LockLostError(`Cannot upgrade ${quotePath(this.#tracked.file.path)}: ${why}`, {
      cause,
    });
  }
}
