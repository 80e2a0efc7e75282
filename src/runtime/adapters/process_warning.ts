/** Warns of something that is no error of a call, as Node does; in a browser, on the console. */
export function emitWarning(message: string, type: string): void {
  const { process } = globalThis as {
    process?: { emitWarning?(message: string, type: string): void };
  };
  if (process?.emitWarning === undefined) console.warn(`${type}: ${message}`);
  else process.emitWarning(message, type);
}
