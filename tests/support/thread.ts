import { adapter, type WorkerThread } from "../../src/runtime/mod.ts";

interface Reader {
  resolve(message: unknown): void;
  reject(error: Error): void;
}

/** A Web Worker whose messages are read one by one; reading throws its uncaught error. */
export class Thread {
  readonly #worker: WorkerThread;
  readonly #unread: unknown[] = [];
  readonly #readers: Reader[] = [];
  #failure: Error | undefined;

  constructor(module: URL, spawn: (module: URL) => WorkerThread = adapter.spawnWorker) {
    this.#worker = spawn(module);
    this.#worker.onMessage((message) => {
      const reader = this.#readers.shift();
      if (reader === undefined) this.#unread.push(message);
      else reader.resolve(message);
    });
    this.#worker.onError((error) => {
      this.#failure = error;
      for (const reader of this.#readers.splice(0)) reader.reject(error);
    });
  }

  /** Sends a message to the worker. */
  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  /** The next message of the worker. */
  next<T>(): Promise<T> {
    if (this.#unread.length > 0) return Promise.resolve(this.#unread.shift() as T);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<T>((resolve, reject) => {
      this.#readers.push({ resolve: (message) => resolve(message as T), reject });
    });
  }

  /** Ends the worker. */
  end(): void {
    this.#worker.terminate();
  }
}

/** Runs `body` with `count` workers on one module; ends them afterwards. */
export async function withThreads<T>(
  count: number,
  module: URL,
  body: (threads: readonly Thread[]) => Promise<T>,
): Promise<T> {
  const threads = Array.from({ length: count }, () => new Thread(module));
  try {
    return await body(threads);
  } finally {
    for (const thread of threads) thread.end();
  }
}

/**
 * Sends each worker its start message, lets all go at once when all are ready, and returns their
 * results.
 */
export async function race<T>(
  threads: readonly Thread[],
  starts: readonly unknown[],
): Promise<T[]> {
  threads.forEach((thread, i) => thread.post(starts[i]));
  await Promise.all(threads.map((thread) => thread.next()));
  for (const thread of threads) thread.post("go");
  return await Promise.all(threads.map((thread) => thread.next<T>()));
}
