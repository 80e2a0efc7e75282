/**
 * Writes to a descriptor, not to a stream, which could make it non-blocking for the command too.
 */
function write(fd: number, text: string): void {
  try {
    globalThis.process.getBuiltinModule("node:fs").writeSync(fd, `interlock: ${text}\n`);
  } catch {
    // It is closed, which is no reason not to run.
  }
}

/** Prints what went wrong, or what is waited for. */
export function say(text: string): void {
  write(2, text);
}

/** Prints a step of `--verbose` as flock(1) does. */
export function report(text: string): void {
  write(1, text);
}
