/**
 * The server could not be reached, or did not answer in time. {@linkcode mayHaveHappened} says
 * whether it may have done what it was asked to, or may do so yet.
 */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  /** `false` where the command surely was not run and will not be. */
  readonly mayHaveHappened: boolean;

  /** An error about a command without a reply. */
  constructor(message: string, mayHaveHappened: boolean, options?: ErrorOptions) {
    super(message, options);
    this.mayHaveHappened = mayHaveHappened;
  }
}

/**
 * The server answered, and will not do it now: no right to (`NOPERM`, `NOAUTH`), no room (`OOM`), a
 * replica (`READONLY`), not while it loads or cannot save. Nothing has happened.
 */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  /** The server's code, such as `NOPERM`. */
  readonly code: string;

  /** An error about a reply with that code. */
  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * It can never work like this: something else is at the key (`WRONGTYPE`), keys in different slots
 * (`CROSSSLOT`), no address of a server, no Redis client. Nothing has happened.
 */
export class MisconfiguredError extends Error {
  override readonly name = "MisconfiguredError";
  /** The server's code, such as `WRONGTYPE`; `undefined` where it was not asked. */
  readonly code: string | undefined;

  /** An error about a reply with that code, or about no reply at all. */
  constructor(message: string, code?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The codes of what the server will not do now, and what there is to do about it. */
const REFUSALS: Readonly<Record<string, string>> = {
  NOPERM: "Give the user of the client the right to it (ACL SETUSER)",
  NOAUTH: "Give the client a user name and a password",
  WRONGPASS: "Give the client the right user name and password",
  DENIED: "The server is in protected mode: give it a password",
  READONLY: "It is a replica: connect to its master",
  OOM: "It has reached its maxmemory and may not evict: give it more, or another maxmemory-policy",
  MISCONF: "It cannot save its data: look at its log",
  NOREPLICAS: "Too few of its replicas are connected",
  MASTERDOWN: "It is a replica that has lost its master",
  LOADING: "It is still loading its data: try again in a moment",
  BUSY: "It is in a script that does not end: SCRIPT KILL",
  CLUSTERDOWN: "Some slots of the cluster are served by nobody",
  TRYAGAIN: "A slot of the cluster is just being moved: try again in a moment",
};

/** Refusals that pass by themselves, soon. */
const PASSING: ReadonlySet<string> = new Set(
  ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"],
);

/** Whether what can safely be tried again may do better then: no connection, or a server not ready. */
export function isTemporary(error: unknown): boolean {
  return error instanceof UnreachableError ||
    (error instanceof RefusedError && PASSING.has(error.code));
}

/** The same for what will never work. */
const MISTAKES: Readonly<Record<string, string | undefined>> = {
  WRONGTYPE: "Something else is at this key: choose another",
  CROSSSLOT: "Its keys are in different slots of the cluster: put a {hash tag} into the name",
  MOVED: "The server is one of a cluster: connect with the cluster's client",
  ASK: "The server is one of a cluster: connect with the cluster's client",
};

/** The message of Redis 7.0 for NOPERM of a command within a script. */
const DENIED_IN_SCRIPT = /^ERR The user executing the script can't /;

const CODE = /^([A-Z][A-Z0-9]*)(?: |$)/;

/** The code that a server's error begins with; `undefined` if it is no server's error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? CODE.exec(error.message)?.[1] : undefined;
}

/**
 * What an operation throws for what {@linkcode RedisAdapter.send} rejected with.
 *
 * @param what What was tried, on what, to follow "Cannot": `add to the counter "visits"`.
 */
export function explain(what: string, error: unknown): unknown {
  if (error instanceof UnreachableError) {
    const fate = error.mayHaveHappened ? "it may have happened, or may yet" : "it did not happen";
    const text = `Cannot ${what}: ${error.message}; ${fate}`;
    return new UnreachableError(text, error.mayHaveHappened, { cause: error });
  }
  const said = codeOf(error);
  if (said === undefined) return error;
  const { message } = error as Error;
  const code = DENIED_IN_SCRIPT.test(message) ? "NOPERM" : said;
  const why = `Cannot ${what}: the server answers "${message}"`;
  const refusal = REFUSALS[code] ??
    (message.startsWith("ERR max number of clients")
      ? "Too many clients are connected"
      : undefined);
  if (refusal !== undefined) return new RefusedError(`${why}. ${refusal}`, code, { cause: error });
  const advice = MISTAKES[code];
  return new MisconfiguredError(advice ? `${why}. ${advice}` : why, code, { cause: error });
}
