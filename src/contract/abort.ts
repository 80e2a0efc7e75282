import type { PlatformAbortSignal } from "./platform.ts";

/**
 * Calls `listener` with the reason when a signal is aborted. Call it before the waiter is
 * registered anywhere, since a signal is an object of the program, and may refuse to be listened
 * to.
 *
 * @returns A function that ends this. It never throws: it is called when a lock was granted, and an
 * error then would leave the lock held with no guard.
 * @throws What the signal throws; its reason, if it was aborted meanwhile.
 */
export function onAbort(
  signal: PlatformAbortSignal | undefined,
  listener: (reason: unknown) => void,
): () => void {
  if (signal === undefined) return nothing;
  let state: "beginning" | "listening" | "aborted" | "over" = "beginning";
  const abort = () => {
    const isListening = state === "listening";
    if (state !== "over") state = "aborted";
    if (isListening) listener(reasonOf(signal));
  };
  const isAborted = () => state === "aborted";
  signal.addEventListener("abort", abort);
  if (isAborted()) throw reasonOf(signal);
  state = "listening";
  return () => {
    state = "over";
    try {
      signal.removeEventListener("abort", abort);
    } catch {
      // A listener that stays does nothing any more.
    }
  };
}

/** The reason of an aborted signal; if the signal throws, that error. */
function reasonOf(signal: PlatformAbortSignal): unknown {
  try {
    return signal.reason;
  } catch (error) {
    return error;
  }
}

function nothing(): void {}
