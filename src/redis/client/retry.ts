import { isTemporary, UnreachableError } from "./errors.ts";

const RETRY_MS = 50;

/**
 * Calls `ask` until it answers, fails with an error that is not temporary, or the deadline passes.
 *
 * @param ask Called with whether an earlier try may have had its effect on the server.
 */
export async function retry<T>(
  ask: (isUnsure: boolean) => Promise<T>,
  deadline: number,
): Promise<T> {
  for (let isUnsure = false;;) {
    try {
      return await ask(isUnsure);
    } catch (error) {
      if (!isTemporary(error) || performance.now() + RETRY_MS >= deadline) throw error;
      isUnsure ||= error instanceof UnreachableError && error.mayHaveHappened;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
