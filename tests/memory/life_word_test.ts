import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { HEADER, SLOT, SLOTS } from "../../src/memory/layout.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { Child, RUN } from "../support/child.ts";
import { runtimesHere } from "../support/runtimes_here.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { stateOf } from "../support/thread_state.ts";
import { until } from "../support/until.ts";
import {
  type AgentGroup,
  ProcessAgent,
  RUNTIMES,
  SLEEPERS,
  TASKS,
  withAgents,
} from "./fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const PROCESS = new URL("./fixtures/life_process.ts", import.meta.url);
const AGENT = new URL("./fixtures/agent_process.ts", import.meta.url);
const SECCOMP = new URL("./fixtures/seccomp_process.ts", import.meta.url);
/** Of get_robust_list, process_vm_readv and process_vm_writev. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  x64: ["274", "310", "311"],
  arm64: ["100", "270", "271"],
};
const FUTEX_WAITERS = 0x80000000;
const OWNER_DIED = 0x40000000;

/** The life word of the holder of a mutex. */
function lifeOf(group: AgentGroup, index: number): number {
  const at = group.slotOfOwner(index) + SLOT.life;
  return regionOf(group.memory).atomics.load32(at) >>> 0;
}

/** Takes away all by which a waiter can find out that the holder of a mutex is dead, but its life word. */
function hideRest(group: AgentGroup, index: number): void {
  const { atomics } = regionOf(group.memory);
  for (const offset of [SLOT.thread, SLOT.byte]) {
    atomics.store32(group.slotOfOwner(index) + offset, 0);
  }
}

/** An agent of this runtime to which the kernel refuses some system calls. */
async function underFilter(numbers: string, path: string) {
  const program = [process.execPath, ...RUN[adapter.name], fileURLToPath(AGENT), path];
  const child = Child.here(SECCOMP, numbers, ...program);
  assert.equal(await child.line(), "ready");
  const agent = new ProcessAgent(adapter.name, child);
  const { pid } = await agent.do({ act: "who" });
  const kill = async () => {
    process.kill(pid!, "SIGKILL");
    await child.ended;
  };
  return { agent, kill, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** The life words in the file of a memory, of the slots that are claimed. */
function lifeWordsIn(path: string): number[] {
  const file = readFileSync(path);
  return Array.from({ length: SLOTS }, (_, i) => HEADER.firstSlot + i * SLOT.bytes)
    .filter((at) => file.readUInt32LE(at + SLOT.claim) !== 0)
    .map((at) => file.readUInt32LE(at + SLOT.life));
}

describe("The life word of a thread", () => {
  for (const name of RUNTIMES) {
    it(
      `is marked by the kernel when its process is killed: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const holder = await group.process(name);
        await holder.take(0);
        assert.equal(lifeOf(group, 0), FUTEX_WAITERS + holder.child.pid);
        await holder.kill();
        assert.equal(lifeOf(group, 0), FUTEX_WAITERS + OWNER_DIED);
      }),
    );

    it(
      `is enough for all waiters of its mutexes, asleep or in a task: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const holder = await group.process(name);
        const waiters = await Promise.all(RUNTIMES.map((other) => group.process(other)));
        const task = waiters.length;
        for (let i = 0; i <= task; i++) await holder.take(i);
        hideRest(group, 0);
        for (const [i, waiter] of waiters.entries()) {
          waiter.tell({ act: "take", mutex: i, way: "acquireSync" });
          await group.waited(i, SLEEPERS);
        }
        const pending = group.mutex(task).acquire();
        await group.waited(task, TASKS);
        await holder.kill();
        assert.equal((await pending).recovered, true);
        (await pending).release();
        for (const waiter of waiters) assert.equal((await waiter.outcome()).recovered, true);
      }),
    );

    it(
      `wakes a thread that sleeps on it: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const region = regionOf(group.memory);
        const { threads } = attachmentOf(group.memory);
        // It may die between two sleeps, on a busy machine.
        for (let woken = false; !woken;) {
          const holder = await group.process(name);
          await holder.take(0);
          const owner = group.word(0);
          const life = threads.lifeOf(owner)!;
          const killer = spawn("sh", ["-c", `sleep 0.2; kill -9 ${holder.child.pid}`]);
          const ended = once(killer, "close");
          const at = region.resolve(0, 4, 4);
          while (threads.lifeOf(owner) !== undefined) {
            woken = region.wait(at, owner, undefined, life);
          }
          assert.equal(group.word(0), owner);
          group.mutex(0).acquireSync().release();
          await ended;
        }
      }),
    );

    it(
      `is marked when its process becomes another program: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const holder = await group.process(name);
        await holder.take(0);
        hideRest(group, 0);
        holder.tell({ act: "exec" });
        await until("the mark", () => lifeOf(group, 0) === FUTEX_WAITERS + OWNER_DIED);
        assert.notEqual(stateOf(holder.child.pid), "Z");
        using guard = group.mutex(0).acquireSync();
        assert.equal(guard.recovered, true);
      }),
    );
  }

  for (const [i, call] of ["get_robust_list", "process_vm_readv", "process_vm_writev"].entries()) {
    it(
      `is not used if the system refuses ${call}, and the death is found without it`,
      LIMIT,
      withAgents(async (group) => {
        await using holder = await underFilter(NUMBERS[adapter.arch][i], group.path);
        await holder.agent.take(0);
        assert.equal(lifeOf(group, 0), 0);
        const pending = group.mutex(0).acquire();
        await holder.kill();
        (await pending).release();
      }),
    );
  }

  it(
    "is enough if the system refuses futex_waitv, which a waiter notices by itself",
    LIMIT,
    withAgents(async (group) => {
      const holder = await group.process();
      await using waiter = await underFilter("449", group.path);
      await holder.take(0);
      hideRest(group, 0);
      waiter.agent.tell({ act: "take", mutex: 0 });
      await group.waited(0, SLEEPERS);
      await holder.kill();
      assert.equal((await waiter.agent.outcome()).recovered, true);
      await waiter.kill();
    }),
  );

  it(
    "of a worker is marked at its end by Bun, and not used by V8, which unmaps its memory",
    LIMIT,
    withAgents(async (group) => {
      const holder = await group.thread();
      const { thread, pid } = await holder.do({ act: "who" });
      await holder.do({ act: "take", mutex: 0 });
      const isUsed = adapter.mapping === "plain";
      assert.equal(lifeOf(group, 0), isUsed ? FUTEX_WAITERS + thread! : 0);
      if (isUsed) hideRest(group, 0);
      holder.thread.end();
      await until("the end of the thread", () => stateOf(pid!, thread) === undefined);
      using guard = group.mutex(0).acquireSync();
      assert.equal(guard.recovered, true);
    }),
  );

  it(
    "that is marked is not believed while its thread runs and has its life byte",
    LIMIT,
    withAgents(async (group) => {
      const holder = await group.process();
      await holder.take(0);
      const { atomics } = regionOf(group.memory);
      const at = group.slotOfOwner(0);
      // As of a process that was restored from a checkpoint.
      atomics.store32(at + SLOT.life, FUTEX_WAITERS | OWNER_DIED);
      atomics.store32(at + SLOT.startTime, 1);
      assert.equal(group.mutex(0).tryAcquire(), undefined);
      assert.throws(() => group.mutex(0).acquireSync({ timeout: 50 }), { name: "TimeoutError" });
      await assert.rejects(group.mutex(0).acquire({ timeout: 50 }), { name: "TimeoutError" });
      atomics.store32(at + SLOT.byte, 0); // As of a program that it became by exec.
      using guard = group.mutex(0).acquireSync();
      assert.equal(guard.recovered, true);
    }),
  );

  it(
    "tells nothing about the next thread of its slot",
    withAgents((group) => {
      const { threads, thread, region: { atomics, base } } = attachmentOf(group.memory);
      const claim = () => {
        const search = atomics.load32(base + HEADER.search);
        const identity = threads.claim(thread, true);
        atomics.store32(base + HEADER.search, search); // The next search begins at the same slot.
        return identity;
      };
      const first = claim();
      const life = base + HEADER.firstSlot + ((first & SLOTS) - 1) * SLOT.bytes + SLOT.life;
      assert.equal(threads.isGone(first), false);
      for (const word of [FUTEX_WAITERS + 1, 1, 0]) {
        atomics.store32(life, word | 0);
        assert.equal(threads.isGone(first), false);
      }
      atomics.store32(life, FUTEX_WAITERS | OWNER_DIED);
      assert.equal(threads.isGone(first), true);
      assert.equal(threads.lifeOf(first), undefined);
      threads.free(first);
      const second = claim();
      assert.equal(second & SLOTS, first & SLOTS);
      assert.deepEqual([first, second].map((one) => threads.isGone(one)), [false, false]);
      atomics.store32(life, FUTEX_WAITERS | OWNER_DIED);
      assert.deepEqual([first, second].map((one) => threads.isGone(one)), [false, true]);
      threads.free(second);
      return Promise.resolve();
    }),
  );

  for (const name of runtimesHere()) {
    it(
      `stays in the list while other memories are closed, in any order: ${name}`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const [a, b, c, d] = ["a", "b", "c", "d"].map((one) => join(folder, one));
          for (const closed of [[a, b], [b, a], [a, c], [c, a], [b, c], [c, b], [b, d]]) {
            const opened = [a, b, c].flatMap((path) => ["open", path]);
            const steps = closed.flatMap((path, i) =>
              path === d ? ["open", d] : ["close", path, ...i === 1 ? ["open", path] : []]
            );
            await using child = Child.in(name, PROCESS, ...opened, ...steps);
            assert.equal(await child.line(), "ready");
            const alive = [FUTEX_WAITERS + child.pid];
            const used = (path: string) => path !== closed[0];
            const paths = [a, b, c].filter(used);
            assert.deepEqual(
              paths.map((path) => lifeWordsIn(path).slice(-1)),
              paths.map(() => alive),
            );
            child.kill();
            await child.ended;
            for (const path of paths) {
              const words = lifeWordsIn(path);
              assert.ok(words.every((word) => word === FUTEX_WAITERS + OWNER_DIED), `${words}`);
            }
          }
        }),
    );

    it(
      `is not used if other users may write to the file: ${name}`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const [own, shared] = [join(folder, "own"), join(folder, "shared")];
          await using child = Child.in(name, PROCESS, "open", own, "share", shared);
          assert.equal(await child.line(), "ready");
          assert.deepEqual(lifeWordsIn(own), [FUTEX_WAITERS + child.pid]);
          assert.deepEqual(lifeWordsIn(shared), [0]);
        }),
    );

    it(
      `whose links were damaged keeps its slot until its thread ends: ${name}`,
      LIMIT,
      () =>
        inScratchFolder(async (folder) => {
          const [path, other] = [join(folder, "memory"), join(folder, "other")];
          const steps = ["open", other, "open", path, "damage", path, "close", path];
          await using child = Child.in(name, PROCESS, ...steps);
          assert.equal(await child.line(), "ready");
          assert.deepEqual(lifeWordsIn(path), [0]);
          child.close();
          assert.deepEqual((await child.ended).code, 0);
          assert.deepEqual(lifeWordsIn(path), [0]);
        }),
    );
  }
});
