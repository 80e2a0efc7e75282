import { connect, createServer, type Server, type Socket } from "node:net";

/** The connection of one client through the proxy. */
interface Way {
  readonly client: Socket;
  readonly server: Socket;
}

/** What happens to bytes: they pass, wait, or are dropped with the connection. */
export type Verdict = "pass" | "hold" | "cut";

/**
 * A proxy between a client and a server on this machine that passes bytes on, holds them back or cuts
 * the connection. `onRequest` and `onReply` decide about each piece; by default all pass.
 */
export class Proxy implements AsyncDisposable {
  /** Decides about bytes from a client. */
  onRequest: (bytes: string) => Verdict = () => "pass";
  /** Decides about bytes from the server. */
  onReply: (bytes: string) => Verdict = () => "pass";
  /** How many connections have been made. */
  connections = 0;
  readonly port: number;
  /** The port of the server that new connections get. */
  target: number;
  readonly #server: Server;
  readonly #ways = new Set<Way>();
  #held: (() => void)[] = [];

  private constructor(server: Server, port: number, target: number) {
    this.#server = server;
    this.port = port;
    this.target = target;
  }

  /** Starts a proxy of the server on a port of 127.0.0.1. */
  static start(target: number): Promise<Proxy> {
    return new Promise((resolve, reject) => {
      const server = createServer((client) => proxy.#pass(client));
      let proxy: Proxy;
      server.on("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as { port: number };
        resolve(proxy = new Proxy(server, port, target));
      });
    });
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Cuts all connections now; new ones pass. */
  cut(): void {
    this.#held = [];
    for (const { client, server } of this.#ways) {
      client.destroy();
      server.destroy();
    }
  }

  /** Sends on the bytes that were held back, in order. */
  letGo(): void {
    for (const send of this.#held.splice(0)) send();
  }

  #pass(client: Socket): void {
    this.connections++;
    const server = connect(this.target, "127.0.0.1");
    const way = { client, server };
    this.#ways.add(way);
    const end = () => {
      this.#ways.delete(way);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    const judge = (from: Socket, to: Socket, verdict: (bytes: string) => Verdict) => {
      from.on("data", (bytes: Uint8Array) => {
        switch (verdict(new TextDecoder("latin1").decode(bytes))) {
          case "pass":
            return void to.write(bytes);
          case "hold":
            return void this.#held.push(() => to.destroyed || to.write(bytes));
          case "cut":
            end();
        }
      });
    };
    judge(client, server, (bytes) => this.onRequest(bytes));
    judge(server, client, (bytes) => this.onReply(bytes));
  }

  /** Cuts all connections and accepts no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
