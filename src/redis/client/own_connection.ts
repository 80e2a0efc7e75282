import { nameOf } from "../../contract/options.ts";
import { connectionOf, type ConnectionOptions, type RedisSource, sources } from "./adapter_of.ts";
import type { Connection } from "./connection.ts";
import { MisconfiguredError } from "./errors.ts";
import { isSentinel } from "./node_redis_sentinel.ts";

/** A client that can make another one with the same options. */
interface Duplicable {
  duplicate(options?: object): Duplicable | Promise<Duplicable>;
  connect?(): Promise<unknown>;
  disconnect?(): void;
  destroy?(): void;
  close?(): void;
  on?(event: "error", listener: () => void): unknown;
}

/**
 * A connection that no other user shares, with the options of a client, so that a command that
 * blocks delays no others. It is opened when it is first needed. An adapter that a user has written
 * is not opened again.
 */
export class OwnConnection {
  readonly #source: RedisSource;
  readonly #options: ConnectionOptions;
  #opening: Promise<Connection> | undefined;
  #client: Duplicable | undefined;
  #connection: Connection | undefined;
  #isClosed = false;

  /**
   * A connection by `source`.
   *
   * @param what What it is for, to follow "Cannot".
   * @throws {MisconfiguredError} If the source is a client of several servers.
   */
  constructor(source: RedisSource, options: ConnectionOptions, what: string) {
    let origin = source;
    while (typeof origin === "object" && sources.has(origin)) origin = sources.get(origin)!;
    const isCluster = typeof origin === "object" && ("nodes" in origin || "masters" in origin);
    // A Sentinel client of node-redis is one of several connections, too.
    if (isCluster || typeof origin === "object" && isSentinel(origin)) {
      throw new MisconfiguredError(
        `Cannot ${what} by ${
          nameOf(origin)
        }: WAIT must follow the write over the same connection, ` +
          "and this client has several. Pass an address or a client of one server (ioredis also " +
          "with sentinels), or use several servers",
      );
    }
    this.#source = origin;
    this.#options = options;
  }

  /** Returns the connection, which may not have connected yet. */
  open(): Promise<Connection> {
    return this.#opening ??= this.#open();
  }

  /** Ends the waits for a server to which nothing was ever sent. */
  stopWaiting(): void {
    this.#connection?.stopWaiting();
  }

  /** Closes what was opened. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => {});
    await this.#connection?.close();
    this.#end();
  }

  async #open(): Promise<Connection> {
    const source = this.#source as unknown;
    let used = this.#source;
    if (typeof source === "object" && source !== null && "duplicate" in source) {
      const { condition } = source as { condition?: { select?: number } };
      const options = "call" in source
        ? {
          autoResendUnfulfilledCommands: false,
          enableOfflineQueue: false,
          lazyConnect: false,
          ...condition?.select !== undefined && { db: condition.select },
        }
        : undefined;
      const client = await (source as Duplicable).duplicate(options);
      this.#client = client;
      client.on?.("error", () => {}); // It connects again by itself, and a command reports it.
      if (options === undefined) client.connect?.().catch(() => {});
      used = client as unknown as RedisSource;
    }
    const connection = this.#connection = connectionOf(used, this.#options);
    if (this.#isClosed) await connection.close();
    return connection;
  }

  #end(): void {
    const client = this.#client as Duplicable & { isOpen?: boolean } | undefined;
    if (client?.disconnect && "call" in client) client.disconnect();
    else if (client?.destroy) client.isOpen && client.destroy();
    else client?.close?.();
  }
}
