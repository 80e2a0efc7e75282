import { mayPass, UnreachableError } from "./errors.ts";

const RETRY_MS = 50;

/**
 * Asks until there is an answer, or an error that will not pass by itself, or the deadline.
 *
 * @param ask Told whether the server may have done at an earlier try what it is asked to.
 */
export async function untilAnswered<T>(
  ask: (isUnsure: boolean) => Promise<T>,
  deadline: number,
): Promise<T> {
  for (let isUnsure = false;;) {
    try {
      return await ask(isUnsure);
    } catch (error) {
      if (!mayPass(error) || performance.now() + RETRY_MS >= deadline) throw error;
      isUnsure ||= error instanceof UnreachableError && error.mayHaveHappened;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
