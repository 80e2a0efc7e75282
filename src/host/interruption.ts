import { constants } from "node:os";
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The end of a command by a signal, or because its output was closed. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  /** The exit status as in a shell: 128 plus the signal's number. */
  readonly status: number;

  /** Makes one for `signal`. */
  constructor(signal: typeof SIGNALS[number] | "SIGPIPE") {
    super(`Ended by ${signal}`);
    this.status = 128 + constants.signals[signal];
  }
}

/**
 * Runs `action` with an abort signal, which aborts with an {@linkcode Interruption} when the process
 * gets a signal to end or its output is closed.
 *
 * @param options.output Whether to watch the output; `false` leaves its descriptor untouched.
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

/** Writes to the standard output; resolves when the text is written. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${text}\n`, (error) => {
      if (!error) return resolve();
      reject((error as { code?: string }).code === "EPIPE" ? new Interruption("SIGPIPE") : error);
    });
  });
}
