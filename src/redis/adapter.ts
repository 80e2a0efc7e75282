/**
 * What a server replies, whichever protocol the client speaks with it. Numbers are exact to 2^52:
 * beyond, node-redis and ioredis round some of them, so a script replies with a text there.
 */
export type Reply = string | number | null | Reply[];

/**
 * All that Interlock wants of a Redis client. Made of node-redis, ioredis and Bun's own client by
 * `adapterOf`; written by hand, any other client will do.
 */
export interface RedisAdapter {
  /**
   * Sends one command, at most once: a command of which nobody knows whether the server has run it
   * is never sent again, it rejects.
   *
   * @throws {Error} Whose message begins with the server's code (`WRONGTYPE ...`), if the server
   * replied with an error.
   * @throws {UnreachableError} If no reply came.
   */
  send(command: string, ...args: string[]): Promise<Reply>;
  /**
   * Listens to a channel, over a connection that all subscriptions share and that is not the one
   * of {@linkcode send}. Subscribed anew where that connection was lost; what was published
   * meanwhile is missed.
   *
   * @returns When the server has confirmed it: what ends it.
   */
  subscribe(channel: string, onMessage: (message: string) => void): Promise<() => Promise<void>>;
  /**
   * Waits for the answers to what was sent, and closes what the adapter itself has opened: never the
   * user's client.
   */
  close(): Promise<void>;
}
