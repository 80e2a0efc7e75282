import type { PlatformAbortSignal } from "../../contract/platform.ts";

/** The connection over which a driver receives messages. */
export interface Subscriber {
  /** Resolves when the server has confirmed it. */
  subscribe(channel: string): Promise<void>;
  /** Resolves when the server has confirmed it. */
  unsubscribe(channel: string): Promise<void>;
  close(): Promise<void>;
}

/** A client, as a `Connection` needs it: the only part that differs between kinds of clients. */
export interface Driver {
  /** Whether a command would be written to the server now, and not queued. */
  readonly isReady: boolean;
  /** The last error of the connection, for messages. */
  readonly lastError?: unknown;
  /** What the client puts before the keys of commands, and not before channels. */
  readonly keyPrefix?: string;
  /**
   * Resolves when a command would be written, however long that takes. Rejects if that will never
   * be possible.
   */
  ready(): Promise<void>;
  /**
   * Sends a command, of which the first part is the name. The parts are not changed. Rejects with
   * the error of the client.
   */
  send(parts: string[]): Promise<unknown>;
  /** Calls `listener` each time the connection is lost: commands without a reply get none then. */
  onLost?(listener: () => void): void;
  /** Calls `listener` when commands go to another server: subscriptions must follow. */
  onMoved?(listener: () => void): void;
  /**
   * The address of the node of a cluster that has the slot of a channel; an empty text if the client
   * does not know it. Each node delivers the messages, but only this one counts the receivers.
   */
  nodeOf?(channel: string): Promise<string>;
  /**
   * Opens a second connection, which is subscribed again after it was lost.
   *
   * @param signal Aborts if the connection is not needed any more before it is open.
   * @param node The node of the cluster to connect to; an empty text for any.
   */
  openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
    node: string,
  ): Promise<Subscriber>;
  /** Closes what the driver itself has opened, and takes its listeners off the client. */
  close(): Promise<void>;
}

// deno-lint-ignore no-explicit-any -- The types of the clients have many overloads.
type Listener = (...args: any[]) => void;

/** A client, as its listeners need it. */
export interface Emitter {
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/** Listeners on the client of a user, which are taken off together. */
export class Listeners {
  readonly #emitter: Emitter;
  readonly #all: [string, Listener][] = [];

  /** Listeners on `emitter`. */
  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  /** Adds a listener. */
  add(event: string, listener: Listener): void {
    this.#all.push([event, listener]);
    this.#emitter.on(event, listener);
  }

  /** Takes all of them off. */
  clear(): void {
    for (const [event, listener] of this.#all.splice(0)) this.#emitter.off(event, listener);
  }
}

const KEYLESS: ReadonlySet<string> = new Set([
  ...["ACL", "AUTH", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "ECHO", "FLUSHALL"],
  ...["FLUSHDB", "FUNCTION", "HELLO", "INFO", "KEYS", "LATENCY", "PING", "PUBLISH", "ROLE", "SCAN"],
  ...["SCRIPT", "SELECT", "SLOWLOG", "TIME", "WAIT", "WAITAOF"],
]);
const ONLY_KEYS: ReadonlySet<string> = new Set(["DEL", "UNLINK", "EXISTS", "TOUCH", "MGET"]);

/** The positions of the keys of a command: of the first key, and after the last one. */
export function keysIn(parts: readonly string[]): [number, number] {
  const command = parts[0].toUpperCase();
  if (KEYLESS.has(command)) return [0, 0];
  if (/^(EVAL|FCALL)/.test(command)) return [3, 3 + (Number(parts[2]) || 0)];
  return [1, ONLY_KEYS.has(command) ? parts.length : 2];
}
