import { createConnection, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** What a worker asks the manager for. `cell` names one of its numbers, each with a lock. */
export interface ManagerRequest {
  readonly op: "get" | "set" | "add" | "acquire" | "release";
  readonly cell: string;
  readonly n?: number;
}

/**
 * State that one process or thread owns and others reach by messages. Each message is carried out
 * whole, so `add` is atomic; a `get` and a `set` after it are not.
 */
export class Manager {
  readonly #numbers = new Map<string, number>();
  readonly #queues = new Map<string, (() => void)[]>();

  /** Carries a request out and answers, later where it waits for the lock. */
  handle({ op, cell, n = 0 }: ManagerRequest, answer: (value: number) => void): void {
    const value = this.#numbers.get(cell) ?? 0;
    switch (op) {
      case "get":
        return answer(value);
      case "set":
        this.#numbers.set(cell, n);
        return answer(n);
      case "add":
        this.#numbers.set(cell, value + n);
        return answer(value);
      case "acquire": {
        const queue = this.#queues.get(cell);
        if (queue !== undefined) return void queue.push(() => answer(0));
        this.#queues.set(cell, []);
        return answer(0);
      }
      case "release": {
        const next = this.#queues.get(cell)?.shift();
        if (next === undefined) this.#queues.delete(cell);
        else next();
        return answer(0);
      }
    }
  }
}

/** Serves a manager on a Unix socket: one request a line, one answer a line. */
export function serveManager(path: string, onReady: () => void): void {
  const manager = new Manager();
  createServer((socket) => {
    socket.on("error", () => socket.destroy());
    createInterface({ input: socket }).on("line", (line) => {
      manager.handle(JSON.parse(line), (value) => socket.write(`${value}\n`));
    });
  }).listen(path, onReady);
}

/** A way to ask the manager at a socket; one request at a time. */
export async function connectManager(
  path: string,
): Promise<(request: ManagerRequest) => Promise<number>> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made: Socket = createConnection(path, () => resolve(made)).on("error", reject);
  });
  socket.setNoDelay(true);
  let answer: ((value: number) => void) | undefined;
  createInterface({ input: socket }).on("line", (line) => answer?.(Number(line)));
  return (request) =>
    new Promise((resolve) => {
      answer = resolve;
      socket.write(`${JSON.stringify(request)}\n`);
    });
}
