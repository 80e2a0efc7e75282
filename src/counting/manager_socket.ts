import { createConnection, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { Manager, type ManagerRequest } from "./manager.ts";

/** Serves a manager on a Unix socket: one request per line, one answer per line. */
export function serveManager(path: string, onReady: () => void): void {
  const manager = new Manager();
  createServer((socket) => {
    socket.on("error", () => socket.destroy());
    createInterface({ input: socket }).on("line", (line) => {
      manager.handle(JSON.parse(line), (value) => socket.write(`${value}\n`));
    });
  }).listen(path, onReady);
}

/** Connects to the manager at a socket; returns a function that sends one request at a time. */
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
