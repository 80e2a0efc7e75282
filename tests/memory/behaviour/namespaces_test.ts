import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { SLOT } from "../../../src/memory/layout.ts";
import { regionOf } from "../../../src/memory/memory.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { RUN } from "../../support/child.ts";
import { cannotRunUnder, IN_OTHER_PIDS, inContainer, mounting } from "../../support/mounted.ts";
import { Program } from "../../support/program.ts";
import type { Command, CommandResult } from "../fixtures/lock_agent.ts";
import { type AgentGroup, withAgents } from "../fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const skip = cannotRunUnder(IN_OTHER_PIDS);
const OPTIONS = { ...LIMIT, skip };
const HOLDER = fileURLToPath(new URL("../fixtures/worker_agent_process.ts", import.meta.url));
/** Longer than many checks, so that each waiter has checked the owner more than once. */
const WHILE = 100;

/** A process with a lock agent, perhaps in a namespace. */
class Agent implements AsyncDisposable {
  readonly program: Program;

  private constructor(under: readonly string[], path: string) {
    this.program = new Program([...under, process.execPath, ...RUN[adapter.name], HOLDER, path]);
  }

  static async start(path: string, under: readonly string[] = []): Promise<Agent> {
    const agent = new Agent(under, path);
    assert.equal(await agent.program.line(), "ready");
    return agent;
  }

  tell(command: object): void {
    this.program.tell(JSON.stringify(command));
  }

  async result(): Promise<CommandResult> {
    return JSON.parse(await this.program.line());
  }

  async do(command: object): Promise<CommandResult> {
    this.tell(command);
    return await this.result();
  }

  take(way: Command["way"] = "acquireSync", timeout = 20_000): Promise<CommandResult> {
    return this.do({ act: "take", mutex: 0, way, timeout });
  }

  release(): Promise<CommandResult> {
    return this.do({ act: "release", mutex: 0 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]();
  }
}

/** Fails if this process can acquire the mutex, by any method. */
async function assertHeld(group: AgentGroup): Promise<void> {
  const mutex = group.mutex(0);
  assert.equal(mutex.tryAcquire(), undefined);
  assert.throws(() => mutex.acquireSync({ timeout: WHILE }), { name: "TimeoutError" });
  await assert.rejects(mutex.acquire({ timeout: WHILE }), { name: "TimeoutError" });
}

describe("An owner in another PID namespace", () => {
  it(
    "is alive while it lives, and dead as soon as it is killed",
    OPTIONS,
    withAgents(async (group) => {
      await using owner = await Agent.start(group.path, IN_OTHER_PIDS);
      assert.equal((await owner.take()).got, true);
      await assertHeld(group);
      const pending = group.mutex(0).acquire({ timeout: 20_000 });
      // Not by its group: unshare(1) ends its child when it is killed.
      owner.program.kill("SIGKILL");
      using guard = await pending;
      assert.equal(guard.recovered, true);
    }),
  );

  it(
    "is dead for waiters in another container that see the file elsewhere",
    OPTIONS,
    withAgents(async (group) => {
      const elsewhere = join(dirname(group.path), "elsewhere");
      mkdirSync(elsewhere);
      const there = inContainer(`mount --bind ${dirname(group.path)} ${elsewhere}`);
      await using waiter = await Agent.start(join(elsewhere, "memory"), there);
      await using owner = await Agent.start(group.path, inContainer(""));
      assert.equal((await waiter.do({ act: "who" })).pid, 1);
      assert.equal((await owner.do({ act: "who" })).pid, 1);
      assert.equal((await owner.take()).got, true);
      assert.equal((await waiter.take("try")).got, false);
      assert.equal((await waiter.take("timed", WHILE)).error, "TimeoutError");
      owner.program.kill("SIGKILL");
      assert.equal((await waiter.take("timed")).recovered, true);
      await waiter.release();
      // Each was the first process of its container.
      using guard = group.mutex(0).acquireSync();
      assert.equal(guard.recovered, false);
    }),
  );

  it(
    "that was a worker is dead when the worker has ended",
    OPTIONS,
    withAgents(async (group) => {
      await using owner = await Agent.start(group.path, IN_OTHER_PIDS);
      const command = { act: "take", mutex: 0, way: "acquireSync" };
      assert.equal((await owner.do({ act: "worker", command })).got, true);
      await assertHeld(group);
      await owner.do({ act: "end worker" });
      // Bun does not unmap what its workers have mapped, but the kernel marks their life words.
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
      assert.notEqual((await owner.do({ act: "who" })).pid, 0);
    }),
  );
});

/** The other runtimes do not start without a /proc. */
const [place, script] = adapter.name === "node"
  ? ["has no /proc", "mount -t tmpfs none /proc"]
  : ["has a /proc of processes alone", "mount -t proc -o subset=pid proc /proc"];

describe(`An owner that ${place}`, () => {
  const command = mounting(script);
  it(
    "is alive while it lives, and dead as soon as it is killed",
    { ...LIMIT, skip: cannotRunUnder(command) },
    withAgents(async (group) => {
      await using owner = await Agent.start(group.path, command);
      assert.equal((await owner.take()).got, true);
      await assertHeld(group);
      await owner[Symbol.asyncDispose]();
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
    }),
  );
});

describe("An owner whose process was restored with another start time", () => {
  it(
    "is alive as long as it has its life byte, and dead afterwards",
    LIMIT,
    withAgents(async (group) => {
      await using owner = await Agent.start(group.path);
      assert.equal((await owner.take()).got, true);
      const at = group.slotOfOwner(0) + SLOT.startTime;
      const { atomics } = regionOf(group.memory);
      atomics.store32(at, atomics.load32(at) - 100);
      await assertHeld(group);
      await owner[Symbol.asyncDispose]();
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
    }),
  );
});

describe("A memory whose file was removed or replaced", () => {
  it(
    "keeps the locks of owners in other namespaces that have no life word",
    OPTIONS,
    withAgents(async (group) => {
      await using owner = await Agent.start(group.path, IN_OTHER_PIDS);
      assert.equal((await owner.take()).got, true);
      const { atomics } = regionOf(group.memory);
      atomics.store32(group.slotOfOwner(0) + SLOT.life, 0);
      rmSync(group.path);
      await owner[Symbol.asyncDispose]();
      // Its life byte cannot be asked for.
      await assertHeld(group);
      writeFileSync(group.path, "another file");
      await assertHeld(group);
    }),
  );

  it(
    "loses those of owners that the kernel has marked as dead",
    OPTIONS,
    withAgents(async (group) => {
      await using owner = await Agent.start(group.path, IN_OTHER_PIDS);
      assert.equal((await owner.take()).got, true);
      rmSync(group.path);
      await assertHeld(group);
      await owner[Symbol.asyncDispose]();
      using guard = group.mutex(0).acquireSync();
      assert.equal(guard.recovered, true);
    }),
  );
});
