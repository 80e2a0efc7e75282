/**
 * The reply of a server, in either protocol. Numbers are exact to 2^52: node-redis and ioredis
 * round some greater ones, so a script replies with a text there.
 */
export type Reply = string | number | null | Reply[];

/**
 * The part of a Redis client that Interlock uses. `adapterOf` makes one of a client of node-redis,
 * ioredis or Bun; for any other client, write one by hand.
 */
export interface RedisAdapter {
  /**
   * Sends a command, at most once: if it is unknown whether the server has run it, it rejects and
   * is not sent again.
   *
   * @throws {Error} If the server replied with an error; the message begins with the server's code
   * (`WRONGTYPE ...`).
   * @throws {UnreachableError} If no reply came.
   */
  send(command: string, ...args: string[]): Promise<Reply>;
  /**
   * Listens to a channel, over a connection that all subscriptions share and that is not the one
   * of {@linkcode send}. If that connection is lost, the channel is subscribed again; messages
   * published meanwhile are missed.
   *
   * @returns A function that ends the subscription, when the server has confirmed it.
   */
  subscribe(channel: string, onMessage: (message: string) => void): Promise<() => Promise<void>>;
  /**
   * Waits for the answers to the commands that were sent, and closes what the adapter itself has
   * opened: never the user's client.
   */
  close(): Promise<void>;
}
