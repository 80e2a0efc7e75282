import { SingleBar } from "cli-progress";
import process from "node:process";

/** A progress bar on the standard error, which shows nothing if that is not a terminal. */
export function progressBar(format = "{bar} {percentage}% {what}"): SingleBar {
  return new SingleBar({
    format,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
  });
}
