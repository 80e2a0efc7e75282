import {
  isTemporary,
  MisconfiguredError,
  RefusedError,
  UnreachableError,
} from "../client/errors.ts";

/** A server that did not vote, and why. */
export interface FailedServer {
  readonly server: number;
  readonly error: unknown;
}

/**
 * The error that too few servers have voted: of the kind of their gravest error, with the reasons
 * of all of them.
 *
 * @param what What was tried, to follow "Cannot".
 * @param isUndone Whether a change at a minority of the servers has no effect.
 */
export function quorumError(
  what: string,
  servers: readonly { readonly label: string }[],
  quorum: number,
  failed: readonly FailedServer[],
  isUndone: boolean,
): unknown {
  const errors = failed.map(({ error }) => error);
  const own = errors.find((error) => !(error instanceof Error) || error instanceof TypeError);
  if (own !== undefined) return own;
  const reasons = failed.map(({ server, error }) =>
    `${servers[server].label}: ${(error as Error).message}`
  );
  const message =
    `Cannot ${what}: ${failed.length} of ${servers.length} servers do not vote, and ` +
    `${quorum} must. ${reasons.join("; ")}`;
  const options = { cause: new AggregateError(errors, message) };
  for (const error of errors) {
    if (error instanceof MisconfiguredError) {
      return new MisconfiguredError(message, error.code, options);
    }
  }
  if (errors.every((error) => error instanceof RefusedError)) {
    const lasting = errors.filter((error) => !isTemporary(error));
    // The servers with a temporary error may be enough.
    const { code } = servers.length - lasting.length >= quorum
      ? errors.find(isTemporary)!
      : lasting[0];
    return new RefusedError(message, code, options);
  }
  const unreachable = errors.filter((error) => error instanceof UnreachableError);
  if (unreachable.length === 0) return errors[0];
  const unsure = !isUndone && unreachable.some(({ mayHaveHappened }) => mayHaveHappened);
  return new UnreachableError(message, unsure, options);
}
