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
  /**
   * Resolves when a command would be written, however long that takes. Rejects if that will never
   * be possible.
   */
  ready(): Promise<void>;
  /** Sends a command. Rejects with the error of the client. */
  send(command: string, args: string[]): Promise<unknown>;
  /** Calls `listener` each time the connection is lost: commands without a reply get none then. */
  onLost?(listener: () => void): void;
  /**
   * Opens a second connection, which is subscribed again after it was lost.
   *
   * @param signal Aborts if the connection is not needed any more before it is open.
   */
  openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber>;
  /** Closes what the driver itself has opened. */
  close(): Promise<void>;
}
