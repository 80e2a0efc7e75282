import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** Options for a private server. */
export interface RedisServerOptions {
  /** Whether each write is stored before it is answered, so that it survives a restart. */
  readonly appendOnly?: boolean;
  /** The port, on this machine, of the server of which this one is a replica. */
  readonly replicaOf?: number;
  /** The most that it may store, such as `4mb`; it evicts nothing. */
  readonly maxMemory?: string;
  /** The password that clients must give. */
  readonly password?: string;
  /** More arguments of its command line, such as `--cluster-enabled`, `yes`. */
  readonly config?: readonly string[];
}

/** The message for a machine without a server. */
export const NO_SERVER = "neither redis-server nor valkey-server is on the PATH " +
  "(Debian: apt-get install redis-server)";

const TRIES = 5;
const READY_MS = 20_000;
/** Runs the server, prints its process number, and kills it when the standard input closes. */
const KEEPER = `exec 3<&0
"$@" <&- 3<&- & server=$!
echo $server
{ cat <&3; kill -9 $server; } >/dev/null 2>&1 & watch=$!
wait $server
kill $watch 2>/dev/null`;

/** The executable of a Redis or Valkey server; `undefined` if none is on the PATH. */
export function findRedisServer(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  for (const name of ["redis-server", "valkey-server"]) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

/**
 * A private Redis or Valkey server on a free port of 127.0.0.1, which by default stores nothing. It
 * ends with this process, even if this process is killed.
 */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  readonly #options: RedisServerOptions;
  #keeper: ChildProcess | undefined;
  #pid = 0;
  #log = "";
  #ended: Promise<void> = Promise.resolve();

  private constructor(port: number, options: RedisServerOptions) {
    this.port = port;
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), "interlock-redis-"));
  }

  /**
   * Starts a server; resolves when it answers.
   *
   * @throws {Error} If no server is on the PATH, or it does not start: with its output.
   */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    for (let left = TRIES;; left--) {
      const server = new RedisServer(await freePort(), options);
      try {
        await server.start();
        return server;
      } catch (error) {
        await server[Symbol.asyncDispose]();
        // Another program has taken the port meanwhile.
        if (left === 1 || !/address already in use/i.test(String(error))) throw error;
      }
    }
  }

  /** The address, with the password. */
  get url(): string {
    const { password } = this.#options;
    return `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${this.port}`;
  }

  /** The process number. */
  get pid(): number {
    return this.#pid;
  }

  /** The output so far. */
  get log(): string {
    return this.#log;
  }

  /** Starts the server, or starts it again, on the same port and in the same folder. */
  async start(): Promise<void> {
    const executable = findRedisServer();
    if (executable === undefined) throw new Error(`Cannot start a Redis server: ${NO_SERVER}`);
    const { appendOnly = false, replicaOf, maxMemory, password, config = [] } = this.#options;
    mkdirSync(this.#folder, { recursive: true });
    const keeper = spawn("/bin/sh", [
      "-c",
      KEEPER,
      "sh",
      executable,
      ...["--port", `${this.port}`, "--bind", "127.0.0.1", "--dir", this.#folder, "--save", ""],
      ...["--appendonly", appendOnly ? "yes" : "no", "--appendfsync", "always"],
      ...replicaOf === undefined ? [] : ["--replicaof", `127.0.0.1 ${replicaOf}`],
      ...maxMemory === undefined ? [] : ["--maxmemory", maxMemory],
      ...password === undefined ? [] : ["--requirepass", password],
      ...config,
    ], { stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.#keeper = keeper;
    this.#log = "";
    keeper.stdin.on("error", () => {});
    keeper.stderr.setEncoding("utf8").on("data", (text: string) => this.#log += text);
    this.#ended = new Promise((resolve) => {
      keeper.on("error", (error) => this.#log += error.message);
      keeper.on("close", resolve);
    });
    const said = Promise.withResolvers<number>();
    // An answer on the port could be that of another server, which has taken it.
    const ready = Promise.withResolvers<void>();
    createInterface({ input: keeper.stdout }).on("line", (line) => {
      if (/^\d+$/.test(line)) return said.resolve(Number(line));
      this.#log += `${line}\n`;
      if (/Ready to accept connections/i.test(line)) ready.resolve();
    });
    const ended = this.#ended.then(() => {
      throw new Error(`Cannot start ${executable} on port ${this.port}: it ended:\n${this.#log}`);
    });
    const waiting = new AbortController();
    const late = sleep(READY_MS, undefined, waiting).then(() => {
      throw new Error(`Cannot reach ${executable} on port ${this.port}:\n${this.#log}`);
    });
    for (const failure of [ended, late]) failure.catch(() => {});
    try {
      this.#pid = await Promise.race([said.promise, ended]);
      await Promise.race([ready.promise, ended, late]);
    } finally {
      waiting.abort();
    }
  }

  /** Sends a signal to the server; does nothing if it is not running. */
  signal(signal: NodeJS.Signals): void {
    if (this.#pid === 0) return;
    try {
      process.kill(this.#pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Kills the server and waits for its end; keeps its data for another start. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    this.#keeper?.stdin?.end();
    await this.#ended;
    this.#pid = 0;
  }

  /** Kills the server and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Finds a port of 127.0.0.1 that is free at the moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** The server of a command: the given one, or a private one that is started when it is needed. */
export class PrivateServer implements AsyncDisposable {
  #url: string | undefined;
  #server: RedisServer | undefined;

  /** @param url The address of the given server. */
  constructor(url: string | undefined) {
    this.#url = url;
  }

  /** Returns the address, after the private server has started. */
  async start(): Promise<string> {
    if (this.#url === undefined) {
      this.#server = await RedisServer.start();
      this.#url = this.#server.url;
    }
    return this.#url;
  }

  /** Ends the private server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }
}
