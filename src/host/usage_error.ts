/** Thrown for a command line that cannot be understood: exit status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An error about the text given for an option, which is shown unless it may contain a password. */
export function invalidOption(option: string, must: string, text: string): UsageError {
  const given = /@|:\/\//.test(text) ? "an address, not shown" : text === "" ? "nothing" : text;
  return new UsageError(`${option} must ${must} (given ${given})`);
}
