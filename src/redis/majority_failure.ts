import { mayPass, MisconfiguredError, RefusedError, UnreachableError } from "./errors.ts";

/** A server that did not vote, and why. */
export interface FailedVote {
  readonly server: number;
  readonly error: unknown;
}

/**
 * Why too few servers have voted: by the gravest of their reasons, and with all of them.
 *
 * @param what What was tried, to follow "Cannot".
 * @param isUndone Whether what some may have done counts for nothing without the others.
 */
export function failureOf(
  what: string,
  voters: readonly { readonly label: string }[],
  quorum: number,
  failed: readonly FailedVote[],
  isUndone: boolean,
): unknown {
  const errors = failed.map(({ error }) => error);
  const own = errors.find((error) => !(error instanceof Error) || error instanceof TypeError);
  if (own !== undefined) return own;
  const reasons = failed.map(({ server, error }) =>
    `${voters[server].label}: ${(error as Error).message}`
  );
  const message = `Cannot ${what}: ${failed.length} of ${voters.length} servers do not vote, and ` +
    `${quorum} have to. ${reasons.join("; ")}`;
  const options = { cause: new AggregateError(errors, message) };
  for (const error of errors) {
    if (error instanceof MisconfiguredError) {
      return new MisconfiguredError(message, error.code, options);
    }
  }
  if (errors.every((error) => error instanceof RefusedError)) {
    const lasting = errors.filter((error) => !mayPass(error));
    // The servers with a temporary error may be enough.
    const { code } = voters.length - lasting.length >= quorum ? errors.find(mayPass)! : lasting[0];
    return new RefusedError(message, code, options);
  }
  const unreachable = errors.filter((error) => error instanceof UnreachableError);
  if (unreachable.length === 0) return errors[0];
  const unsure = !isUndone && unreachable.some(({ mayHaveHappened }) => mayHaveHappened);
  return new UnreachableError(message, unsure, options);
}
