import { constants } from "node:os";
import process from "node:process";
import { systemErrorOf } from "./system_error.ts";

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
 * Runs `action` with an abort signal, which aborts with an {@linkcode Interruption} when the
 * process gets a signal to end or its output is closed.
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
    process.stdout.on("error", (error) => controller.abort(outputError(error)));
  }
  try {
    return await action(controller.signal);
  } finally {
    for (const remove of handlers) remove();
  }
}

let isWatched = false;

/** Writes to the standard output; resolves when the text is written. */
export function print(text: string): Promise<void> {
  if (!isWatched) process.stdout.on("error", () => {}); // The callback below gets it too.
  isWatched = true;
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null) => error ? reject(outputError(error)) : resolve();
    try {
      process.stdout.write(`${text}\n`, settle);
    } catch (error) {
      settle(error as Error); // Deno throws.
    }
  });
}

function outputError(error: Error & { code?: string }): Error {
  if (error.code === "EPIPE") return new Interruption("SIGPIPE");
  return systemErrorOf("write to", "/dev/stdout", error);
}
