/**
 * Who holds a lock, or held it when it died. For people and logs: nothing is ever decided by it. A
 * field is missing where the medium does not record it.
 */
export interface Owner {
  /** The process, as its PID namespace numbers it. */
  readonly pid: number;
  /** The thread, by its number in the same namespace. */
  readonly thread?: number;
  /** The name of the machine. */
  readonly host?: string;
  /** The runtime and its version, such as `deno 2.9.6`. */
  readonly runtime?: string;
  /** What the holder called itself. */
  readonly label?: string;
  /** When it took the lock. */
  readonly since?: Date;
}

/** An owner in a few words, for messages. */
export function describeOwner(owner: Owner | undefined): string {
  if (owner === undefined) return "somebody whose name it does not keep";
  const { pid, thread, host, runtime, label, since } = owner;
  const parts = [
    `process ${pid}`,
    thread !== undefined && thread !== pid && `thread ${thread}`,
    runtime,
    label && JSON.stringify(label),
    host && `on ${host}`,
    since && `since ${since.toISOString()}`,
  ];
  return parts.filter(Boolean).join(", ");
}
