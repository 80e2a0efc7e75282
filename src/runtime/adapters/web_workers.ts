import type { Endpoint } from "./port.ts";

/** A Web Worker as its parent sees it, or its own scope. */
export interface WebEndpoint {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}

/** The message that a worker posts when it listens. */
const LISTENING = "interlock: listening";

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

/** The way from a parent to its Web Worker. */
export function workerOf(worker: WebEndpoint): Endpoint {
  const { postMessage, hear } = onceListening((message) => worker.postMessage(message));
  let receiver = (_message: unknown) => {};
  worker.onmessage = ({ data }) => {
    if (hear(data)) receiver(data);
  };
  return { postMessage, onMessage: (receive) => receiver = receive };
}

/** The way from a Web Worker to its parent. */
export function parentOf(scope: WebEndpoint): Endpoint {
  return {
    postMessage: (message) => scope.postMessage(message),
    onMessage: (receive) => {
      scope.onmessage = (event) => receive(event.data);
      scope.postMessage(LISTENING);
    },
  };
}

/** What a worker has thrown, as an error. */
export function errorOf({ error, message }: ErrorEvent): Error {
  return error instanceof Error ? error : new Error(message);
}
