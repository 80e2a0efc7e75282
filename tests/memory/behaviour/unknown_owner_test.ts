import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { regionOf } from "../../../src/memory/memory.ts";
import { HEADER, SLOT } from "../../../src/memory/layout.ts";
import { folderOfSegments } from "../../../src/memory/segment_home.ts";
import { type Memory, RwLock, Semaphore } from "../../../src/memory/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { executableOf, RUN } from "../../support/child.ts";
import { cannotRunUnder, IN_OTHER_TIME, mounting } from "../../support/mounted.ts";
import { StartedUnder } from "../../support/started_under.ts";
import type { Try } from "../fixtures/few_descriptors_process.ts";
import { type AgentGroup, withAgents } from "../fixtures/lock_agents.ts";

type Primitive = Semaphore | RwLock;

const LIMIT = { timeout: 60_000 };
const PARTY = fileURLToPath(new URL("../fixtures/agent_process.ts", import.meta.url));
const FEW = fileURLToPath(new URL("../fixtures/few_descriptors_process.ts", import.meta.url));
const HERE = [executableOf(adapter.name)!, ...RUN[adapter.name]];
/** Longer than many checks, so that each waiter has checked the owner more than once. */
const WHILE = 150;
const BOUND = "11111111-2222-3333-4444-555555555555";

const WITHOUT_PROC = "without a /proc";

/** Places in which a process knows less, or something else, about the threads outside. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  "with a /proc of processes alone (ProcSubset=pid)": mounting(
    "mount -t proc -o subset=pid proc /proc",
  ),
  [WITHOUT_PROC]: mounting("mount -t tmpfs none /proc"),
  "with a boot id of its own": mounting(
    `mount -t tmpfs none /mnt; echo ${BOUND} >/mnt/id
     mount --bind /mnt/id /proc/sys/kernel/random/boot_id`,
  ),
  "in another time namespace": IN_OTHER_TIME,
};

async function startIn(command: readonly string[], group: AgentGroup): Promise<StartedUnder> {
  const agent = new StartedUnder(command[0], [...command.slice(1), ...HERE, PARTY, group.path]);
  assert.equal(await agent.line(), "ready");
  return agent;
}

/** Lets the first mutex's owner look like one that has no life byte, so that only the system is asked. */
function forgetLifeByte(group: AgentGroup): void {
  regionOf(group.memory).atomics.store32(group.slotOfOwner(0) + SLOT.byte, 0);
}

/** Fails if an agent can acquire the first mutex, by any method. */
async function assertCannotTake(agent: StartedUnder): Promise<void> {
  const take = { act: "take", mutex: 0, timeout: WHILE };
  assert.deepEqual(await agent.do({ ...take, way: "try" }), { got: false });
  assert.equal((await agent.do({ ...take, way: "timed" })).error, "TimeoutError");
  assert.equal((await agent.do({ ...take, way: "async" })).error, "TimeoutError");
}

describe("A mutex is not taken from a living owner by a process", () => {
  for (const [place, command] of Object.entries(PLACES)) {
    if (place === WITHOUT_PROC && adapter.name !== "node") continue; // The other runtimes do not start there.
    const skip = cannotRunUnder(command);

    it(
      `${place}, nor by any other afterwards`,
      { ...LIMIT, skip },
      withAgents(async (group) => {
        using _guard = group.mutex(0).acquireSync();
        forgetLifeByte(group);
        const boot = () => readFileSync(group.path).subarray(HEADER.boot, HEADER.boot + 16);
        const before = boot();
        {
          await using there = await startIn(command, group);
          await assertCannotTake(there);
        }
        assert.equal(boot().equals(before), true, "the header was changed");
        await using ordinary = await startIn(["env"], group);
        await assertCannotTake(ordinary);
      }),
    );

    it(
      `outside, if the owner is ${place}`,
      { ...LIMIT, skip },
      withAgents(async (group) => {
        await using owner = await startIn(command, group);
        assert.equal((await owner.do({ act: "take", mutex: 0 })).got, true);
        forgetLifeByte(group);
        assert.equal(group.mutex(0).tryAcquire(), undefined);
        await using ordinary = await startIn(["env"], group);
        await assertCannotTake(ordinary);
        await using alike = await startIn(command, group);
        await assertCannotTake(alike);
        const isLate = { name: "TimeoutError" };
        assert.throws(() => group.mutex(0).acquireSync({ timeout: WHILE }), isLate);
      }),
    );
  }

  it(
    "that opens the memory with a single free descriptor",
    LIMIT,
    withAgents(async (group) => {
      using guard = group.mutex(0).acquireSync();
      await using few = new StartedUnder("prlimit", [
        "--nofile=128",
        ...HERE,
        FEW,
        group.path,
        "1",
      ]);
      assert.deepEqual(JSON.parse(await few.line()), { got: false });
      guard.release();
    }),
  );

  it(
    "if the owner opened the memory with a single free descriptor; its death is detected",
    LIMIT,
    withAgents(async (group) => {
      await using owner = new StartedUnder("prlimit", [
        "--nofile=128",
        ...HERE,
        FEW,
        group.path,
        "1",
      ]);
      assert.deepEqual(JSON.parse(await owner.line()), { got: true });
      assert.equal(group.mutex(0).tryAcquire(), undefined);
      await using ordinary = await startIn(["env"], group);
      await assertCannotTake(ordinary);
      owner.child.kill("SIGKILL");
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
    }),
  );

  const others: Readonly<Record<Exclude<Try, "mutex">, (memory: Memory) => Primitive>> = {
    permit: (memory) => new Semaphore(memory, 0, { permits: 1 }),
    read: (memory) => new RwLock(memory, 0),
    write: (memory) => new RwLock(memory, 0),
  };
  for (const [what, open] of Object.entries(others)) {
    it(
      `nor a semaphore or read-write lock: ${what}, with a single free descriptor`,
      LIMIT,
      withAgents(async (group) => {
        const lock = open(group.memory);
        const limited = () =>
          new StartedUnder("prlimit", ["--nofile=128", ...HERE, FEW, group.path, "1", what]);
        {
          using _guard = lock.acquireSync();
          await using few = limited();
          assert.deepEqual(JSON.parse(await few.line()), { got: false });
        }
        await using owner = limited();
        assert.deepEqual(JSON.parse(await owner.line()), { got: true });
        assert.equal(lock.owners().length, 1);
        assert.throws(() => lock.acquireSync({ timeout: WHILE }), { name: "TimeoutError" });
        owner.child.kill("SIGKILL");
        using guard = lock.acquireSync({ timeout: 20_000 });
        assert.equal(guard.recovered, what !== "read");
      }),
    );
  }

  it(
    "if the owner does not know its start time, or its clock; its death is detected",
    LIMIT,
    withAgents(async (group) => {
      const owner = await group.process();
      await owner.take(0);
      const at = group.slotOfOwner(0);
      forgetLifeByte(group);
      const { atomics } = regionOf(group.memory);
      for (const [offset, value] of [[SLOT.timeNamespace, 7], [SLOT.timeNamespace, 0]]) {
        atomics.store32(at + offset, value);
        atomics.store32(at + SLOT.startTime, 1);
        await assertNotStolenHere(group);
      }
      for (const half of [0, 4]) atomics.store32(at + SLOT.startTime + half, 0);
      await assertNotStolenHere(group);
      await owner.kill();
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
    }),
  );
});

async function assertNotStolenHere(group: AgentGroup): Promise<void> {
  const isLate = { name: "TimeoutError" };
  await assert.rejects(group.mutex(0).acquire({ timeout: WHILE }), isLate);
  assert.throws(() => group.mutex(0).acquireSync({ timeout: WHILE }), isLate);
}

describe("The death of an owner is detected", () => {
  it(
    "if it was in another time namespace",
    { ...LIMIT, skip: cannotRunUnder(IN_OTHER_TIME) },
    withAgents(async (group) => {
      await using owner = await startIn(IN_OTHER_TIME, group);
      const { pid } = await owner.do({ act: "who" });
      await owner.do({ act: "take", mutex: 0 });
      process.kill(pid, "SIGKILL");
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
    }),
  );
});

describe("The folder of the segments", () => {
  it("is the same one even if no descriptor is free", LIMIT, async () => {
    await using few = new StartedUnder("prlimit", ["--nofile=128", ...HERE, FEW, "none", "0"]);
    assert.deepEqual(JSON.parse(await few.line()), { home: folderOfSegments(undefined) });
  });
});
