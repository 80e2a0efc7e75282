import { UnsupportedError } from "../../contract/errors.ts";
import { printable } from "../../contract/printable.ts";

/**
 * The server could not be reached, or did not answer in time. {@linkcode mayHaveHappened} says
 * whether the command may have been run, or may still be run.
 */
export class UnreachableError extends Error {
  /** `UnreachableError`. */
  override readonly name = "UnreachableError";
  /** `false` if the server certainly did not run the command, and will not. */
  readonly mayHaveHappened: boolean;

  /** An error about a command without a reply. */
  constructor(message: string, mayHaveHappened: boolean, options?: ErrorOptions) {
    super(message, options);
    this.mayHaveHappened = mayHaveHappened;
  }
}

/**
 * The server answered that it cannot do it now: the user has no right (`NOPERM`, `NOAUTH`), memory
 * is full (`OOM`), it is a replica (`READONLY`), it is loading, or it cannot save. Nothing was
 * changed.
 */
export class RefusedError extends Error {
  /** `RefusedError`. */
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
 * The command can never succeed: another kind of value is at the key (`WRONGTYPE`), keys are in
 * different slots (`CROSSSLOT`), or it is no address of a server and no Redis client. Nothing was
 * changed.
 */
export class MisconfiguredError extends Error {
  /** `MisconfiguredError`. */
  override readonly name = "MisconfiguredError";
  /** The server's code, such as `WRONGTYPE`; `undefined` if the server was not asked. */
  readonly code: string | undefined;

  /** An error about a reply with that code, or about no reply at all. */
  constructor(message: string, code?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The codes of temporary and lasting refusals, with the remedy. */
const REFUSALS: Readonly<Record<string, string>> = {
  NOAUTH: "Give the client a user name and a password",
  WRONGPASS: "Give the client the right user name and password",
  DENIED: "The server is in protected mode: give it a password",
  READONLY: "It is a replica: connect to its master",
  OOM: "It has reached its maxmemory and may not evict keys: increase maxmemory",
  MISCONF: "It cannot save its data: see its log",
  NOREPLICAS: "Too few of its replicas are connected: repair the replication",
  MASTERDOWN: "It is a replica that has lost its master: repair the replication",
  LOADING: "It is still loading its data: try again in a moment",
  BUSY: "It runs a script that does not end: use SCRIPT KILL",
  CLUSTERDOWN: "No node serves some slots of the cluster: repair the cluster",
  TRYAGAIN: "A slot of the cluster is being moved: try again in a moment",
};

/** The codes of refusals that soon end by themselves. */
const TEMPORARY: ReadonlySet<string> = new Set(
  ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"],
);

/** Whether another try may succeed: there was no connection, or the server was not ready. */
export function isTemporary(error: unknown): boolean {
  return error instanceof UnreachableError ||
    (error instanceof RefusedError && TEMPORARY.has(error.code));
}

/** The codes of mistakes, with the remedy. */
const MISTAKES: Readonly<Record<string, string | undefined>> = {
  WRONGTYPE: "Another kind of value is at this key: choose another key",
  CROSSSLOT: "The keys are in different slots of the cluster: put a {hash tag} into the name",
  MOVED: "The server is a node of a cluster: connect with the cluster's client",
  ASK: "The server is a node of a cluster: connect with the cluster's client",
};

/** The message of Redis 7.0 if a script may not run a command. */
const DENIED_IN_SCRIPT = /^ERR The user executing the script can't /;

/** Whether it is the error of Redis 7.0 if a script may not run a command. */
export function isDenied(error: unknown): error is Error {
  return error instanceof Error && DENIED_IN_SCRIPT.test(error.message);
}

const CODE = /^([A-Z][A-Z0-9]*)(?: |$)/;

/** The code at the beginning of a server's error; `undefined` if it is no server's error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? CODE.exec(error.message)?.[1] : undefined;
}

/**
 * Turns an error of {@linkcode RedisAdapter.send} into the error of an operation.
 *
 * @param what The operation and its object, to follow "Cannot": `add to the counter "visits"`.
 */
export function explain(what: string, error: unknown): unknown {
  if (error instanceof UnreachableError) {
    const outcome = error.mayHaveHappened
      ? "The server may have done it, or may still do it"
      : "Nothing was changed";
    const text = `Cannot ${what}: ${error.message}. ${outcome}`;
    return new UnreachableError(text, error.mayHaveHappened, { cause: error });
  }
  if (error instanceof UnsupportedError) {
    return new UnsupportedError(`Cannot ${what}: ${error.message}`, { cause: error });
  }
  const said = codeOf(error);
  if (said === undefined) return error;
  const { message } = error as Error;
  const code = isDenied(error) ? "NOPERM" : said;
  const why = `Cannot ${what}: the server answers "${printable(message)}"`;
  const refusal = (code === "NOPERM" ? rightIn(message) : REFUSALS[code]) ??
    (message.startsWith("ERR max number of clients")
      ? "Too many clients are connected: increase maxclients"
      : undefined);
  if (refusal !== undefined) return new RefusedError(`${why}. ${refusal}`, code, { cause: error });
  const advice = MISTAKES[code];
  return new MisconfiguredError(advice ? `${why}. ${advice}` : why, code, { cause: error });
}

/** The right that a refusal is about. */
function rightIn(message: string): string {
  const [, command] = /'([a-z|-]+)'(?: or '[a-z|-]+')* command/i.exec(message) ?? [];
  const right = command !== undefined
    ? `+${command}`
    : /channel/.test(message)
    ? "&PATTERN for its channel"
    : /\bkeys?\b/.test(message)
    ? "~PATTERN for its key"
    : "RIGHT";
  return `Give the user of the client this right (ACL SETUSER NAME ${right})`;
}

/**
 * Waits for the answer to an operation, and {@linkcode explain}s its error.
 *
 * @param what The operation and its object, to follow "Cannot".
 */
export async function explained<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw explain(what, error);
  }
}
