import { LockLostError } from "../contract/errors.ts";
import type { Handle } from "./handle.ts";
import { lateError } from "./lock_owner.ts";
import type { Patience } from "./patience.ts";

const GAVE_UP = "the shared hold was given up to wait, and the wait failed";

/** A shared hold on its way to exclusive; it is lost unless {@linkcode Upgrade.finish} is reached. */
export class Upgrade implements Disposable {
  readonly #handle: Handle;
  readonly #resume: (held: boolean) => void;
  #inPlace = false;
  #held = false;

  /**
   * @param suspend Takes the hold from its guards; returns the function that ends this, and is
   * called with whether the guards have their hold again.
   * @throws {Error} If there is no shared hold.
   */
  constructor(handle: Handle, suspend: () => (held: boolean) => void) {
    if (handle.mode !== "shared") {
      throw new Error(`Cannot upgrade "${handle.file.path}": this lock does not share it`);
    }
    this.#handle = handle;
    this.#resume = suspend();
  }

  /** Makes the hold exclusive; false if others share the lock: the hold is given up then. */
  tryInPlace(): boolean {
    try {
      return this.#inPlace = this.#handle.tryUpgrade();
    } catch (cause) {
      throw this.#lost(cause, "the system refused, and the shared hold was given back");
    }
  }

  /** Waits for the exclusive lock after {@linkcode tryInPlace} returned false. */
  async wait(patience: Patience): Promise<void> {
    try {
      if (!await this.#handle.take(false, patience)) throw lateError(this.#handle.file);
    } catch (cause) {
      throw this.#lost(cause, GAVE_UP);
    }
  }

  /** The blocking version of {@linkcode wait}. */
  waitSync(patience: Patience): void {
    try {
      if (!this.#handle.takeSync(false, patience)) throw lateError(this.#handle.file);
    } catch (cause) {
      throw this.#lost(cause, GAVE_UP);
    }
  }

  /**
   * Enters the holder in the record; if that fails, nothing is held any more.
   *
   * @returns Whether the lock was held without a gap.
   */
  finish(enter: () => void): boolean {
    try {
      enter();
    } catch (cause) {
      throw this.#lost(cause, "the record could not be written, and the hold was given back");
    }
    this.#held = true;
    return this.#inPlace;
  }

  /** Gives the guards their hold back, or ends it. */
  [Symbol.dispose](): void {
    this.#resume(this.#held);
  }

  #lost(cause: unknown, why: string): LockLostError {
    return new LockLostError(`Cannot upgrade "${this.#handle.file.path}": ${why}`, { cause });
  }
}
