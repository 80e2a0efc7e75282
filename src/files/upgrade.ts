import { LockLostError } from "../contract/errors.ts";
import type { Handle } from "./handle.ts";
import { lateError } from "./lock_owner.ts";
import type { Patience } from "./patience.ts";

const GAVE_UP = "the shared hold was given up to wait, and the wait failed";

/** Makes a shared hold exclusive; false where it was given up instead, since others share it. */
export function upgradeInPlace(handle: Handle): boolean {
  if (handle.mode !== "shared") {
    throw new Error(`Cannot upgrade "${handle.file.path}": this lock does not share it`);
  }
  return handle.tryUpgrade();
}

/** Waits for what {@linkcode upgradeInPlace} has not got. */
export async function upgradeByWaiting(handle: Handle, patience: Patience): Promise<void> {
  try {
    if (!await handle.take(false, patience)) throw lateError(handle.file);
  } catch (cause) {
    throw lost(handle, cause, GAVE_UP);
  }
}

/** {@linkcode upgradeByWaiting} for who may block the thread. */
export function upgradeByWaitingSync(handle: Handle, patience: Patience): void {
  try {
    if (!handle.takeSync(false, patience)) throw lateError(handle.file);
  } catch (cause) {
    throw lost(handle, cause, GAVE_UP);
  }
}

/** Enters the holder after an upgrade; where that fails, nothing is held any more. */
export function orLost(handle: Handle, enter: () => void): void {
  try {
    enter();
  } catch (cause) {
    throw lost(handle, cause, "the record could not be written, and the hold was given back");
  }
}

function lost({ file }: Handle, cause: unknown, why: string): LockLostError {
  return new LockLostError(`Cannot upgrade "${file.path}": ${why}`, { cause });
}
