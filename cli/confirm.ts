import process from "node:process";
import { createInterface } from "node:readline/promises";
import { Interruption } from "../src/host/interruption.ts";

/** Whether a question can be answered: the input and the output are a terminal. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

/** Asks a question on the terminal; only "y" and "yes" agree, the end of the input does not. */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const closed = new AbortController();
  const lines = createInterface({ input: process.stdin, output: process.stdout })
    .on("SIGINT", () => closed.abort(new Interruption("SIGINT")))
    .on("close", () => closed.abort());
  try {
    const ended = AbortSignal.any([signal, closed.signal]);
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal: ended })).trim());
  } catch (error) {
    signal.throwIfAborted();
    if (closed.signal.reason instanceof Interruption) throw closed.signal.reason;
    if (closed.signal.aborted) return false;
    throw error;
  } finally {
    lines.close();
  }
}
