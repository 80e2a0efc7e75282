import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { elect, type Electable, FileLock, type Leadership, Segment } from "../../../mod.ts";
import { RedisLock } from "../../../src/redis/mod.ts";
import { Child, executableOf, RUN_WITH_PACKAGES } from "../../support/child.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { runtimesHere } from "../../support/runtimes_here.ts";
import { until } from "../../support/until.ts";

const MODULE = new URL("../fixtures/candidate_process.ts", import.meta.url);
const LIMIT = { timeout: 120_000 };

/** A process that is a candidate again and again, and what it has said. */
class Candidate implements AsyncDisposable {
  readonly child: Child;
  readonly said: string[] = [];
  #failure: unknown;

  /** A process of another runtime, if there is one; `index` chooses it. */
  constructor(kind: string, place: string, index: number) {
    const runtime = runtimesHere().at(-1 - index)!;
    const executable = executableOf(runtime)!;
    this.child = new Child(executable, RUN_WITH_PACKAGES[runtime], MODULE, [kind, place]);
    this.#listen().catch((error) => this.#failure = error);
  }

  /** Waits until it leads with a greater token than `last`; returns its token. */
  async isElected(last: number): Promise<number> {
    return await until(`a leader with a token above ${last}: ${this.said}`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.#tokens().find((token) => token > last);
    });
  }

  /** Waits until it has said a line. */
  async isTold(line: string): Promise<void> {
    await until(`"${line}" after ${this.said}`, () => {
      if (this.#failure !== undefined) throw this.#failure;
      return this.said.includes(line);
    });
  }

  /** Lets it resign, again if it is elected again, until `isDone`. */
  async resign(isDone: () => boolean): Promise<void> {
    let told = 0;
    await until("another leader", () => {
      const terms = this.#tokens().length;
      for (; told < terms; told++) this.child.tell("resign");
      return isDone();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }

  #tokens(): number[] {
    return this.said.filter((line) => line.startsWith("elected")).map((line) => +line.slice(8));
  }

  async #listen(): Promise<void> {
    for (;;) this.said.push(await this.child.line());
  }
}

/** Is a candidate here until it is elected, and resigns at once. */
async function leadOnce(lock: Electable): Promise<Leadership> {
  const stop = new AbortController();
  let term: Leadership | undefined;
  await elect(lock, (leadership) => {
    assert.equal(leadership.signal.aborted, false);
    term = leadership;
    stop.abort();
  }, { signal: stop.signal });
  return term!;
}

/**
 * A process is elected, resigns, is elected again, and loses the lock.
 *
 * @param lose Lets the process lose the lock.
 */
async function checkElection(
  lock: Electable,
  process: Candidate,
  lose: (candidate: Candidate) => void,
): Promise<void> {
  await using candidate = process;
  const first = await candidate.isElected(0);
  let second: Leadership | undefined;
  await Promise.all([
    leadOnce(lock).then((term) => second = term),
    candidate.resign(() => second !== undefined),
  ]);
  assert.ok(second!.token! > first, `${second!.token} after ${first}`);
  const third = await candidate.isElected(second!.token!);
  lose(candidate);
  const { token, recovered } = await leadOnce(lock);
  assert.ok(token! > third, `${token} after ${third}`);
  assert.ok(recovered, "the loss was not reported");
  if (lose !== stop) return;
  candidate.child.stop("SIGCONT");
  await process.isTold("ended LockLostError");
}

const kill = ({ child }: Candidate) => child.kill();
const stop = ({ child }: Candidate) => child.stop("SIGSTOP");

/** Kills a process which has kept a local lock while it was stopped. */
const killStopped = (tryAcquire: () => unknown) => (candidate: Candidate) => {
  stop(candidate);
  assert.equal(tryAcquire(), undefined);
  kill(candidate);
};

describe("an election of processes", () => {
  it("by a mutex: a process that is stopped is still the leader", LIMIT, async () => {
    const name = `interlock-election-${crypto.randomUUID()}`;
    using segment = Segment.open(name, { size: 65536 });
    try {
      const lock = segment.mutex("leader");
      const lose = killStopped(() => lock.tryAcquire());
      await checkElection(lock, new Candidate("mutex", name, 0), lose);
    } finally {
      Segment.remove(name);
    }
  });

  it("by a file lock: a process that is stopped is still the leader", LIMIT, async () => {
    const folder = mkdtempSync(join(tmpdir(), "interlock-election-"));
    try {
      const path = join(folder, "lock");
      using lock = new FileLock(path);
      const lose = killStopped(() => lock.tryAcquire());
      await checkElection(lock, new Candidate("file lock", path, 1), lose);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("by locks on servers: a process that is stopped is told of its loss", {
    ...LIMIT,
    skip,
  }, async () => {
    const servers = await Promise.all(Array.from({ length: 4 }, () => RedisServer.start()));
    try {
      const [url, ...urls] = servers.map(({ url }) => url);
      const options = { leaseTime: 2500, commandTimeout: 20_000, restartGuard: false };
      await using one = new RedisLock(url, "leader", options);
      await using several = new RedisLock(urls, "leader", options);
      await Promise.all([
        checkElection(one, new Candidate("lock on a server", url, 0), stop),
        checkElection(several, new Candidate("lock on servers", urls.join(" "), 1), kill),
      ]);
    } finally {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });
});
