import { printable, quoteText } from "./printable.ts";

/**
 * The holder of a lock, or the holder that died. For people and logs only: the locks do not depend
 * on it. A field is missing if the medium does not record it.
 */
export interface Owner {
  /**
   * The process, as its PID namespace numbers it; 0 for a thread of this process if the runtime may
   * not ask the system.
   */
  readonly pid: number;
  /** The thread, by its number in the same namespace. */
  readonly thread?: number;
  /** The name of the machine. */
  readonly host?: string;
  /** The runtime and its version, such as `deno 2.9.6`. */
  readonly runtime?: string;
  /** The label that the holder chose. */
  readonly label?: string;
  /** When it acquired the lock. */
  readonly since?: Date;
}

/** An owner in a few words, for messages. */
export function describeOwner(owner: Owner | undefined): string {
  if (owner === undefined) return "an unknown owner";
  const { pid, thread, host, runtime, label, since } = owner;
  const parts = [
    pid === 0 ? "a thread of this process" : `process ${pid}`,
    thread !== undefined && thread !== pid && `thread ${thread}`,
    runtime && printable(runtime),
    label && quoteText(label),
    host && `on ${printable(host)}`,
    since && `since ${since.toISOString()}`,
  ];
  return parts.filter(Boolean).join(", ");
}
