import type { Connection } from "../client/connection.ts";
import type { Attempt } from "./attempt.ts";
import { WakeChannel, type WakeSource } from "./wake_channel.ts";

/** What a waiter needs of a {@linkcode WakeChannel}. */
export interface WakeListener extends Pick<WakeChannel, "add" | "remove" | "end"> {
  /** Whether a waiter is heard at once. */
  readonly isOpen?: boolean;
}

/** A lock or a semaphore on one server or several: single questions and their answers. */
export interface LeaseServer<Request> {
  /** Its name in messages. */
  readonly what: string;
  /**
   * Acquires what is requested, or queues for it.
   *
   * @param waiter The waiter to queue if it is not free.
   * @param ticket Its position in the queue, once it has one.
   */
  attempt(request: Request, waiter?: string, ticket?: string): Promise<Attempt>;
  /** Renews a hold; `false` if it is not held any more. */
  renew(request: Request): Promise<boolean>;
  /** Releases a hold; `false` if it was not held any more. Can be repeated. */
  release(request: Request): Promise<boolean>;
  /** Releases what a request may have got and was not used. */
  withdraw(request: Request, waiter?: string): Promise<void>;
}

/** What one client needs of the servers of a lock or semaphore. */
export interface LeaseBackend<Request> {
  /** The name of the client, which its requests and its wake channel have. */
  readonly client: string;
  readonly server: LeaseServer<Request>;
  readonly wakeChannel: WakeListener;
  /** Ends the waits for servers to which nothing was ever sent. */
  stopWaiting(): void;
  /** Closes what was opened. */
  close(): Promise<void>;
}

/** Makes a unique name of a client. */
export function newClient(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** Makes the backend of a client for a lock or a semaphore on one server. */
export function backendOf<Request, Server extends LeaseServer<Request> & WakeSource>(
  adapter: Connection,
  server: Server,
): LeaseBackend<Request> & { readonly server: Server } {
  const client = newClient();
  return {
    client,
    server,
    wakeChannel: new WakeChannel(adapter, server, client),
    stopWaiting: () => adapter.stopWaiting(),
    close: () => adapter.close(),
  };
}
