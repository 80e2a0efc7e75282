/** What a worker says once it listens. */
export const LISTENING = "interlock: listening";

/**
 * Keeps what is posted to a worker until that says it listens: Bun and Deno drop what reaches one
 * before its module has loaded.
 *
 * @param post Posts to the worker.
 */
export function onceListening(post: (message: unknown) => void): {
  postMessage(message: unknown): void;
  /** Takes what came from the worker; whether it was for the program. */
  hear(message: unknown): boolean;
} {
  let unheard: unknown[] | undefined = [];
  return {
    postMessage: (message) => {
      if (unheard === undefined) post(message);
      else unheard.push(message);
    },
    hear: (message) => {
      if (message !== LISTENING) return true;
      unheard?.forEach(post);
      unheard = undefined;
      return false;
    },
  };
}
