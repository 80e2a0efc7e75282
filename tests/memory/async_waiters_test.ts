import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Memory, Mutex, RawValue } from "../../src/memory/mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { Child, executableOf, RUN } from "../support/child.ts";
import { stateOf } from "../support/thread_state.ts";
import { until } from "../support/until.ts";
import { LATE, lateness, leastLateness } from "../support/lateness.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import {
  type AgentGroup,
  ProcessAgent,
  RUNTIMES,
  SLEEPERS,
  TASKS,
  withAgents,
} from "./fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const WAITERS = 1000;
const WAITING = new URL("./fixtures/waiting_process.ts", import.meta.url);
const SECCOMP = new URL("./fixtures/seccomp_process.ts", import.meta.url);
const SYS_FUTEX_WAITV = "449";
const PARTY = fileURLToPath(new URL("./fixtures/agent_process.ts", import.meta.url));

/** The number of threads of this process, without those of Bun's compiler and collector. */
function threads(): number {
  const names = readdirSync("/proc/self/task").map((id) =>
    readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim()
  );
  return names.filter((name) => name !== "JITWorker" && name !== "HeapHelper").length;
}

describe(`${WAITERS} tasks that wait`, () => {
  for (const mutexes of [1, WAITERS]) {
    it(
      `for ${mutexes} mutexes delay no other task, and start no threads`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const path = join(folder, "memory");
          const room = mutexes * Mutex.BYTES;
          const [memory, holder] = [Memory.map(path, room), Memory.map(path, room)];
          const places = Array.from({ length: mutexes }, (_, i) => i * Mutex.BYTES);
          const held = places.map((at) => new Mutex(holder, at).acquireSync());
          // The threads that the runtime starts for its own reads exist before.
          await Promise.all(Array.from({ length: 64 }, () => readFile("/proc/self/stat")));
          await lateness();
          const before = threads();
          let got = 0;
          const waiting = Array.from({ length: WAITERS }, async (_, i) => {
            const guard = await new Mutex(memory, places[i % mutexes]).acquire();
            got++;
            guard.release();
          });
          assert.ok(await leastLateness() < LATE, "timers and reads were late");
          assert.equal(got, 0);
          const more = threads() - before;
          // The helper is one; the runtime may start some for its own reads.
          assert.ok(more <= 10, `${more} threads were started`);
          for (const guard of held) guard.release();
          await Promise.all(waiting);
          assert.equal(got, WAITERS);
          memory.close();
          holder.close();
        }),
    );
  }
});

describe("If the kernel refuses futex_waitv", () => {
  for (const name of RUNTIMES) {
    it(
      `a task gets the lock: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const command = [executableOf(name)!, ...RUN[name], PARTY, group.path];
        const child = Child.here(SECCOMP, SYS_FUTEX_WAITV, ...command);
        const agent = new ProcessAgent(name, child);
        try {
          await child.line();
          const { pid } = await agent.do({ act: "who" });
          const status = readFileSync(`/proc/${pid}/status`, "utf8");
          assert.match(status, /^Seccomp:\s*2$/m, "the filter is not active");
          const killed = await group.process(name);
          for (let i = 0; i < 20; i++) {
            const guard = group.mutex(0).acquireSync();
            agent.tell({ act: "take", mutex: 0, way: "async" });
            await group.waited(0, TASKS);
            if (i % 5 === 0) await sleep(30); // The helper has started, and waits.
            guard.release();
            assert.equal((await agent.outcome()).recovered, false);
            await agent.do({ act: "release", mutex: 0 });
          }
          await killed.take(0);
          agent.tell({ act: "take", mutex: 0, way: "async" });
          await killed.kill();
          assert.equal((await agent.outcome()).recovered, true);
          process.kill(pid!, "SIGKILL");
        } finally {
          child.kill();
        }
      }),
    );
  }
});

/** Starts a process that waits, while this one holds the lock. */
async function waiter(group: AgentGroup, how: string, bit: number): Promise<Child> {
  const child = Child.here(WAITING, group.path, how);
  await group.waited(0, bit);
  // Its helper thread has started, if it needs one.
  if (bit === TASKS) {
    await until("its helper thread", () => readdirSync(`/proc/${child.pid}/task`).length > 1);
  }
  return child;
}

describe("A wait", () => {
  for (
    const [how, bit] of [
      ["exit-task", TASKS],
      ["exit-thread", SLEEPERS],
      ["exit-thread-task", TASKS],
    ] as const
  ) {
    it(
      `does not keep a process from exiting: ${how}`,
      LIMIT,
      withAgents(async (group) => {
        using _guard = group.mutex(0).acquireSync();
        const child = await waiter(group, how, bit);
        child.tell("exit");
        assert.equal(await child.line(), "exits");
        // The lock is still held: the process ends before its wait.
        assert.equal((await child.ended).code, 7);
      }),
    );
  }

  for (const [way, bit] of [["lock", SLEEPERS], ["async", TASKS]] as const) {
    it(
      `does not keep a worker from being terminated: ${way}`,
      LIMIT,
      withAgents(async (group) => {
        const guard = group.mutex(0).acquireSync();
        const agent = await group.thread();
        const { thread } = await agent.do({ act: "who" });
        agent.tell({ act: "take", mutex: 0, way });
        await group.waited(0, bit);
        agent.thread.end();
        // Deno ends a thread only when it is back in its event loop. The thread gets the lock and
        // ends holding it, as one that is killed.
        const runsOn = adapter.name === "deno" && way === "lock";
        if (runsOn) guard.release();
        await until("the end of the thread", () => stateOf(process.pid, thread) === undefined);
        if (!runsOn) guard.release();
        const next = group.mutex(0).acquireSync();
        assert.equal(next.recovered, runsOn);
        next.release();
      }),
    );
  }

  it(
    "of a task looks at its word after one whose timer was lost, as of a test with its own timers",
    LIMIT,
    () =>
      inScratchFolder(async (folder) => {
        using memory = Memory.map(join(folder, "memory"), Mutex.BYTES);
        const [holder, waiter] = [new Mutex(memory, 0), new Mutex(memory, 0)];
        const { setTimeout } = globalThis;
        globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
        try {
          const guard = holder.acquireSync();
          const wait = waiter.acquire();
          guard.release();
          (await wait).release();
        } finally {
          globalThis.setTimeout = setTimeout;
        }
        holder.lock();
        const wait = waiter.acquire();
        new RawValue(memory, 0).value = 0; // Frees the lock and wakes no waiter.
        (await wait).release();
      }),
  );

  it(
    "of a task keeps its process alive, until the wait ends",
    LIMIT,
    withAgents(async (group) => {
      const guard = group.mutex(0).acquireSync();
      const child = await waiter(group, "task", TASKS);
      // Longer than any timer of the wait: only the wait itself keeps the process alive.
      await sleep(200);
      assert.notEqual(stateOf(child.pid), undefined, "the process ended during the wait");
      guard.release();
      assert.equal(await child.line(), "got");
      const { code, stderr } = await child.ended;
      assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      assert.equal(group.word(0), 0);
    }),
  );
});
