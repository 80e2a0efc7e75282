import type { PlatformAbortSignal } from "../contract/platform.ts";

/** The connection over which a driver receives what is published. */
export interface Subscriber {
  /** Resolves when the server has confirmed it. */
  subscribe(channel: string): Promise<void>;
  /** Resolves when the server has confirmed it. */
  unsubscribe(channel: string): Promise<void>;
  close(): Promise<void>;
}

/** One kind of client, as `Connection` wants it; the only part that is written for each. */
export interface Driver {
  /** Whether a command would be written to the server now, and not queued. */
  readonly isReady: boolean;
  /** What has last gone wrong with the connection, for messages. */
  readonly lastError?: unknown;
  /**
   * Resolves when a command would be written, however long that takes. Rejects where that will
   * never be.
   */
  ready(): Promise<void>;
  /** Sends a command. Rejects with what the client rejects with. */
  send(command: string, args: string[]): Promise<unknown>;
  /** Calls `listener` whenever the connection is lost: commands without a reply will get none. */
  onLost?(listener: () => void): void;
  /**
   * Opens a second connection, which is subscribed again when it was lost.
   *
   * @param signal Aborts where it is not wanted any more before it is open.
   */
  openSubscriber(
    receive: (channel: string, message: string) => void,
    signal: PlatformAbortSignal,
  ): Promise<Subscriber>;
  /** Closes what the driver has opened. */
  close(): Promise<void>;
}
