import { constants } from "node:os";
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The end of a command from outside: by a signal, or because nobody reads its output. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  /** The exit status, as a shell has it: 128 and the number of the signal. */
  readonly status: number;

  /** An end by `signal`. */
  constructor(signal: typeof SIGNALS[number] | "SIGPIPE") {
    super(`Ended by ${signal}`);
    this.status = 128 + constants.signals[signal];
  }
}

/**
 * Runs `action` with a signal that aborts, with an {@linkcode Interruption}, when the process is
 * told to end or its output is closed.
 *
 * @param options.output Whether to care for the output; `false` leaves its descriptor untouched.
 */
export async function interruptible<T>(
  action: (signal: AbortSignal) => Promise<T>,
  { output = true } = {},
): Promise<T> {
  const controller = new AbortController();
  const handlers = SIGNALS.map((signal) => {
    const handler = () => controller.abort(new Interruption(signal));
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  if (output) {
    process.stdout.on("error", (error: Error & { code?: string }) => {
      controller.abort(error.code === "EPIPE" ? new Interruption("SIGPIPE") : error);
    });
  }
  try {
    return await action(controller.signal);
  } finally {
    for (const remove of handlers) remove();
  }
}

/** Writes to the standard output; resolves when that has taken it. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => {
      if (!error) return resolve();
      reject((error as { code?: string }).code === "EPIPE" ? new Interruption("SIGPIPE") : error);
    });
  });
}
