/** The message that a worker posts when it listens. */
export const LISTENING = "interlock: listening";

/**
 * Keeps messages for a worker until it listens: Bun and Deno drop messages that arrive before its
 * module has loaded.
 *
 * @param post Posts to the worker.
 */
export function onceListening(post: (message: unknown) => void): {
  postMessage(message: unknown): void;
  /** Receives a message of the worker; returns whether it is for the program. */
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
