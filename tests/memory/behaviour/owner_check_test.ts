import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { regionOf } from "../../../src/memory/memory.ts";
import { SLOT } from "../../../src/memory/layout.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { executableOf, RUN } from "../../support/child.ts";
import { childEnvironment } from "../../support/child_environment.ts";
import { stateOf } from "../../support/thread_state.ts";
import { until } from "../../support/until.ts";
import { type AgentGroup, RUNTIMES, withAgents } from "../fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const PROCESS = fileURLToPath(new URL("../fixtures/agent_process.ts", import.meta.url));
/** Longer than many checks, so that each waiter has checked the owner more than once. */
const WHILE = 150;

/** Fails if the mutex of a living owner can be acquired, by any method. */
async function assertNotStolen(group: AgentGroup, index: number): Promise<void> {
  const mutex = group.mutex(index);
  const word = group.word(index);
  const isLate = { name: "TimeoutError" };
  const pending = assert.rejects(mutex.acquire({ timeout: WHILE }), isLate);
  assert.throws(() => mutex.acquireSync({ timeout: WHILE }), isLate);
  for (let i = 0; i < 3; i++) {
    assert.equal(mutex.tryAcquire(), undefined);
    regionOf(group.memory).nap(2); // A check of an owner holds for a millisecond.
  }
  await pending;
  assert.equal(group.word(index) & 0x3fffffff, word & 0x3fffffff, "it has another owner");
}

/** An agent in a process that another program starts, so that it does not end by itself. */
function startUnder(command: string, args: readonly string[]) {
  const { env, giveBack } = childEnvironment();
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env });
  child.on("close", giveBack);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    tell: (order: unknown) => child.stdin.write(`${JSON.stringify(order)}\n`),
    line: async () => {
      const { done, value } = await lines.next();
      assert.ok(!done, `${command} ended without a line`);
      return value;
    },
  };
}

const mayUnshare = spawnSync("unshare", ["--pid", "--fork", "true"]).status === 0;
const NO_UNSHARE = mayUnshare ? false : "unshare --pid needs root, or is not there: NOT TESTED";
const here = [executableOf(adapter.name)!, ...RUN[adapter.name], PROCESS];

describe("A mutex is never taken from a living owner", () => {
  for (const name of RUNTIMES) {
    it(
      `that is stopped: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const owner = await group.process(name);
        const other = await group.process();
        await owner.take(0);
        owner.child.stop("SIGSTOP");
        await until("the stop", () => stateOf(owner.child.pid) === "T");
        other.tell({ act: "take", mutex: 0, way: "acquireSync", timeout: WHILE });
        await assertNotStolen(group, 0);
        assert.equal((await other.outcome()).error, "TimeoutError");
        other.tell({ act: "take", mutex: 0 });
        owner.child.stop("SIGCONT");
        await owner.do({ act: "release", mutex: 0 });
        assert.equal((await other.outcome()).recovered, false);
      }),
    );
  }

  for (const proc of [["--mount-proc"], []]) {
    const title = `in another PID namespace, ${proc[0] ?? "with the /proc of this one"}`;
    it(
      title,
      { ...LIMIT, skip: NO_UNSHARE },
      withAgents(async (group) => {
        // On each side, the numbers of the other side are unused, or those of other threads.
        const there = startUnder("unshare", ["--pid", "--fork", ...proc, ...here, group.path]);
        const ended = once(there.child, "close");
        try {
          assert.equal(await there.line(), "ready");
          there.tell({ act: "who" });
          const { pid } = JSON.parse(await there.line());
          assert.equal(pid, 1, "it is not in a namespace of its own");
          there.tell({ act: "take", mutex: 0 });
          assert.equal(JSON.parse(await there.line()).got, true);
          await assertNotStolen(group, 0);
          // Else the kernel would tell that it has ended.
          regionOf(group.memory).atomics.store32(group.slotOfOwner(0) + SLOT.life, 0);
          const guard = group.mutex(1).acquireSync();
          there.tell({ act: "take", mutex: 1, way: "timed", timeout: WHILE });
          assert.equal(JSON.parse(await there.line()).error, "TimeoutError");
          there.tell({ act: "take", mutex: 1, way: "async", timeout: WHILE });
          assert.equal(JSON.parse(await there.line()).error, "TimeoutError");
          guard.release();
          there.tell({ act: "take", mutex: 1, way: "try" });
          assert.equal(JSON.parse(await there.line()).recovered, false);
        } finally {
          there.child.stdin.end();
          await ended;
        }
        // No thread here can ask the system about it, but its life byte is free now.
        using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
        assert.equal(guard.recovered, true);
      }),
    );
  }

  it(
    "of another boot, or whose slot has nothing to check",
    LIMIT,
    withAgents(async (group) => {
      const owner = await group.process();
      await owner.take(0);
      await owner.kill();
      const at = group.slotOfOwner(0);
      const { atomics } = regionOf(group.memory);
      const forge = async (offset: number, value: number) => {
        const real = atomics.load32(at + offset);
        atomics.store32(at + offset, value);
        await assertNotStolen(group, 0);
        atomics.store32(at + offset, real);
      };
      // Its life byte is free: without it, and its life word, nothing but the system can tell.
      const byte = atomics.load32(at + SLOT.byte);
      assert.equal(byte, group.word(0) & 0x3fffffff);
      for (const offset of [SLOT.byte, SLOT.life]) atomics.store32(at + offset, 0);
      await forge(SLOT.boot, 1);
      await forge(SLOT.namespace, 1);
      await forge(SLOT.thread, 0);
      await forge(SLOT.identity, 0);
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true, "only the forgeries kept it");
    }),
  );
});

describe("An owner is dead", () => {
  it(
    "if another thread has its number now, by the start time",
    LIMIT,
    withAgents(async (group) => {
      const owner = await group.process();
      const living = await group.process();
      await owner.take(0);
      const at = group.slotOfOwner(0);
      await owner.kill();
      // The number is that of a living process, as after a reuse.
      const { atomics } = regionOf(group.memory);
      atomics.store32(at + SLOT.process, living.child.pid);
      atomics.store32(at + SLOT.thread, living.child.pid);
      // Else its life byte and its life word would tell.
      for (const offset of [SLOT.byte, SLOT.life]) atomics.store32(at + offset, 0);
      using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
      assert.equal(guard.recovered, true);
      assert.equal(guard.previousOwner?.pid, living.child.pid);
    }),
  );

  it(
    "if another process has its number now, for real",
    { ...LIMIT, skip: NO_UNSHARE },
    withAgents(async (group) => {
      // In its own namespace, whose next number can be set.
      const script = `
import json, os, signal, subprocess, sys
def start():
    return subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def do(agent, order):
    agent.stdin.write(json.dumps(order) + "\\n"); agent.stdin.flush()
    return json.loads(agent.stdout.readline())
taker = start(); assert taker.stdout.readline() == "ready\\n"
dead = start(); assert dead.stdout.readline() == "ready\\n"
assert do(dead, {"act": "take", "mutex": 0})["got"]
taker.send_signal(signal.SIGSTOP) # Its new threads could get the number.
dead.kill(); dead.wait()
for _ in range(100):
    with open("/proc/sys/kernel/ns_last_pid", "w") as last: last.write(str(dead.pid - 1))
    again = subprocess.Popen(["sleep", "1000"])
    if again.pid == dead.pid: break
    again.kill(); again.wait()
taker.send_signal(signal.SIGCONT)
print(json.dumps({"reused": again.pid == dead.pid, **do(taker, {"act": "take", "mutex": 0, "way": "timed", "timeout": 20000})}))
again.kill(); taker.kill()
`;
      const there = startUnder(
        "unshare",
        ["--pid", "--fork", "--mount-proc", "python3", "-c", script, ...here, group.path],
      );
      const ended = once(there.child, "close");
      const { reused, recovered, error } = JSON.parse(await there.line());
      await ended;
      assert.deepEqual({ reused, recovered, error }, {
        reused: true,
        recovered: true,
        error: undefined,
      });
    }),
  );

  it(
    "if it was killed and not yet reaped",
    LIMIT,
    withAgents(async (group) => {
      // A parent that starts it, and does not reap it.
      const parent = startUnder("python3", [
        "-c",
        "import signal, subprocess, sys; child = subprocess.Popen(sys.argv[1:]); signal.pause()",
        ...here,
        group.path,
      ]);
      const ended = once(parent.child, "close");
      try {
        assert.equal(await parent.line(), "ready");
        parent.tell({ act: "who" });
        const { pid } = JSON.parse(await parent.line());
        parent.tell({ act: "take", mutex: 0 });
        assert.equal(JSON.parse(await parent.line()).got, true);
        // Else its life byte and its life word would tell.
        const { atomics } = regionOf(group.memory);
        for (const offset of [SLOT.byte, SLOT.life]) {
          atomics.store32(group.slotOfOwner(0) + offset, 0);
        }
        process.kill(pid, "SIGKILL");
        await until("the zombie", () => stateOf(pid) === "Z");
        const guard = group.mutex(0).acquireSync({ timeout: 20_000 });
        assert.equal(guard.recovered, true);
        assert.equal(guard.previousOwner?.pid, pid);
        assert.equal(stateOf(pid), "Z", "it was reaped meanwhile");
        guard.release();
      } finally {
        parent.child.kill();
        await ended;
      }
    }),
  );
});
