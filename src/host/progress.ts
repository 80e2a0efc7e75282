import { SingleBar } from "cli-progress";
import process from "node:process";

/** A progress bar on the standard error, if that is a terminal. */
export function progressBar(format = "{bar} {percentage}% {what}"): SingleBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  return new SingleBar({
    format,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
}
