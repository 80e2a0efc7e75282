import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import process from "node:process";
import { describe, it } from "node:test";
import { DeadlockError, withLock } from "../../../src/contract/mod.ts";
import type { LockEvent } from "../../../src/diagnostics.ts";
import "../../../src/diagnostics.ts";
import { Segment } from "../../../src/memory/mod.ts";
import { adapter, type RuntimeName } from "../../../src/runtime/mod.ts";
import { Child } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { Thread } from "../../support/thread.ts";
import { until } from "../../support/until.ts";
import type { Command, Outcome } from "../fixtures/deadlock_agent.ts";
import { PERMITS } from "../fixtures/deadlock_agent.ts";
import { RUNTIMES } from "../fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const AGENT = new URL("../fixtures/deadlock_agent.ts", import.meta.url);

/** A process or a thread that blocks. */
interface Agent {
  readonly pid: number;
  tell(command: Command): void;
  outcome(): Promise<Outcome>;
}

const mutex = (name: string): Command => ({ act: "take", kind: "mutex", name });
const semaphore = (name: string): Command => ({ act: "take", kind: "semaphore", name });
const rwLock = (name: string, options?: Command["options"]): Command => {
  return { act: "take", kind: "rwLock", name, options };
};

class Group {
  readonly segment: Segment;
  readonly #directory: string;
  readonly #ends: (() => Promise<unknown> | void)[] = [];

  constructor(directory: string) {
    this.#directory = directory;
    this.segment = Segment.open("deadlocks", { directory, detectDeadlocks: true });
  }

  async process(name: RuntimeName = adapter.name, how = "detects"): Promise<Agent> {
    const child = Child.in(name, AGENT, this.#directory, how);
    this.#ends.push(() => (child.kill(), child.ended));
    await child.line();
    return {
      pid: child.pid,
      tell: (command) => child.tell(JSON.stringify(command)),
      outcome: async () => JSON.parse(await child.line()),
    };
  }

  async thread(): Promise<Agent> {
    const thread = new Thread(AGENT);
    this.#ends.push(() => thread.end());
    thread.post(this.#directory);
    await thread.next();
    return {
      pid: process.pid,
      tell: (command) => thread.post(command),
      outcome: () => thread.next(),
    };
  }

  /** Waits until so many threads and tasks wait. */
  async waits(count: number): Promise<void> {
    await until(`${count} waits`, () => {
      const waits = this.segment.threads().flatMap(({ isGone, waits }) => isGone ? [] : waits);
      return waits.length >= count;
    });
  }

  async end(): Promise<void> {
    for (const end of this.#ends) await end();
    this.segment.close();
  }
}

const withGroup = (body: (group: Group) => Promise<void>) => () =>
  inScratchFolder(async (folder) => {
    const group = new Group(folder);
    try {
      await body(group);
    } finally {
      await group.end();
    }
  });

/** Lets an agent do something that succeeds. */
async function does(agent: Agent, command: Command): Promise<void> {
  agent.tell(command);
  assert.deepEqual(await agent.outcome(), {});
}

/**
 * Lets agents wait for each other; exactly one fails and releases what it has, then all others
 * succeed. Returns the error.
 */
async function assertOneFails(agents: Agent[], wanted: Command[]): Promise<Outcome> {
  const failures: Outcome[] = [];
  agents.forEach((agent, i) => agent.tell(wanted[i]));
  await Promise.all(agents.map(async (agent) => {
    const outcome = await agent.outcome();
    if (outcome.error !== undefined) failures.push(outcome);
    await does(agent, { act: "give" });
  }));
  assert.equal(failures.length, 1, JSON.stringify(failures));
  assert.equal(failures[0].error, "DeadlockError");
  const pids = agents.map(({ pid }) => pid);
  assert.deepEqual(failures[0].pids?.toSorted(), pids.toSorted());
  return failures[0];
}

/** Calls `body` with the deadlocks that are reported in this thread. */
async function whileReported(body: (reports: LockEvent[]) => Promise<void>): Promise<void> {
  const reports: LockEvent[] = [];
  const listen = (message: unknown) => void reports.push(message as LockEvent);
  subscribe("interlock:deadlock", listen);
  try {
    await body(reports);
  } finally {
    unsubscribe("interlock:deadlock", listen);
  }
}

describe("A deadlock", () => {
  it(
    "of three processes, of all runtimes, fails one of them and is explained",
    LIMIT,
    withGroup(async (group) => {
      const names = [...RUNTIMES, adapter.name, adapter.name].slice(0, 3);
      const agents = await Promise.all(names.map((name) => group.process(name)));
      for (const [i, agent] of agents.entries()) await does(agent, mutex(`lock ${i}`));
      const wanted = agents.map((_, i) => mutex(`lock ${(i + 1) % 3}`));
      const { message = "" } = await assertOneFails(agents, wanted);
      for (const [i, { pid }] of agents.entries()) {
        const line = new RegExp(
          `process ${pid}, .*waits for the mutex "lock ${(i + 1) % 3}" since ` +
            `\\d{4}-.*Z, and holds the mutex "lock ${i}"`,
        );
        assert.match(message, line);
      }
    }),
  );

  for (const name of RUNTIMES) {
    it(
      `of two processes, of which one looks, is broken: ${name}`,
      LIMIT,
      withGroup(async (group) => {
        for (const how of [["detects", "not"], ["not", "detects"]]) {
          const agents = [await group.process(name, how[0]), await group.process(name, how[1])];
          await does(agents[0], mutex("a"));
          await does(agents[1], semaphore("s"));
          await does(agents[1], semaphore("s"));
          await assertOneFails(agents, [semaphore("s"), mutex("a")]);
        }
      }),
    );
  }

  it(
    "of threads and processes, of readers and writers",
    LIMIT,
    withGroup(async (group) => {
      const agents = [await group.thread(), await group.process(), await group.thread()];
      const shared = { shared: true };
      for (const [i, agent] of agents.entries()) await does(agent, rwLock(`rw ${i}`, shared));
      // Each writer waits for a reader.
      await assertOneFails(agents, agents.map((_, i) => rwLock(`rw ${(i + 1) % 3}`)));
      await does(agents[0], rwLock("x"));
      await does(agents[1], rwLock("y"));
      // A reader waits for a writer, which waits for one that may become a writer.
      await assertOneFails(agents.slice(0, 2), [rwLock("y", shared), rwLock("x")]);
      await does(agents[0], rwLock("x", { upgradable: true }));
      await does(agents[1], rwLock("y", { upgradable: true }));
      await assertOneFails(agents.slice(0, 2), [
        rwLock("y", { upgradable: true }),
        rwLock("x", { upgradable: true }),
      ]);
    }),
  );

  it(
    "is none if two readers upgrade, or a holder of a permit may give it back",
    LIMIT,
    withGroup(async (group) => {
      const agents = [await group.process(), await group.process(), await group.process()];
      const [first, second, third] = agents;
      for (const agent of [first, second]) await does(agent, rwLock("u", { shared: true }));
      for (const agent of [first, second]) agent.tell({ act: "upgrade" });
      await Promise.all([first, second].map(async (agent) => {
        assert.deepEqual(await agent.outcome(), {});
        await does(agent, { act: "give" });
      }));
      await does(first, semaphore("s"));
      await does(second, semaphore("s"));
      await does(third, mutex("m"));
      second.tell(mutex("m"));
      third.tell(semaphore("s"));
      await group.waits(2);
      // Those that wait have looked when a later deadlock is found.
      const others = [await group.thread(), await group.thread()];
      for (const [i, other] of others.entries()) await does(other, mutex(`other ${i}`));
      await assertOneFails(others, [mutex("other 1"), mutex("other 0")]);
      await does(first, { act: "give" });
      assert.deepEqual(await third.outcome(), {});
      await does(third, { act: "give" });
      assert.deepEqual(await second.outcome(), {});
      await does(second, { act: "give" });
      // With the last holder in the cycle, it is one.
      for (const agent of [first, second]) await does(agent, semaphore("s"));
      await does(third, mutex("m"));
      await assertOneFails(agents, [mutex("m"), mutex("m"), semaphore("s")]);
    }),
  );

  it(
    "with a wait that may end by itself is reported, and not broken",
    LIMIT,
    withGroup((group) =>
      whileReported(async (reports) => {
        const [a, b] = [group.segment.mutex("a"), group.segment.mutex("b")];
        const other = await group.process();
        await does(other, mutex("b"));
        const end = new AbortController();
        await withLock(a, async () => {
          const { signal } = end;
          const wait = withLock(b, () => assert.fail("it ran"), { signal });
          other.tell(mutex("a"));
          await until("a report", () => reports.length > 0);
          end.abort();
          await assert.rejects(wait, { name: "AbortError" });
        });
        assert.deepEqual(await other.outcome(), {});
        const [{ medium, error }] = reports;
        assert.equal(medium, "memory");
        assert.match(
          error!.message,
          /by a task, for the mutex "b".* \(this wait may end by itself\)/,
        );
      })
    ),
  );

  it(
    "of tasks that only looks like one is reported, and all of them finish",
    LIMIT,
    withGroup((group) =>
      whileReported(async (reports) => {
        const [a, b] = [group.segment.mutex("a"), group.segment.mutex("b")];
        const other = await group.process();
        await does(other, mutex("b"));
        const guard = await a.acquire();
        const first = withLock(b, () => "first");
        const second = withLock(b, () => withLock(a, () => "second"));
        other.tell(mutex("a"));
        await until("a report", () => reports.length > 0);
        assert.match(reports[0].error!.message, /may wait for each other/);
        guard.release();
        assert.deepEqual(await other.outcome(), {});
        other.tell({ act: "give" });
        assert.deepEqual(await Promise.all([first, second]), ["first", "second"]);
      })
    ),
  );

  it(
    "of a task that keeps a lock while it waits is broken",
    LIMIT,
    withGroup(async (group) => {
      const other = await group.process();
      const [a, b] = [group.segment.mutex("a"), group.segment.mutex("b")];
      await does(other, mutex("b"));
      const outcome = withLock(a, async () => {
        other.tell(mutex("a"));
        await group.waits(1);
        return await withLock(b, () => "done");
      }).catch((error) => error);
      const there = await other.outcome();
      if (there.error === undefined) assert.ok(await outcome instanceof DeadlockError);
      else {
        assert.equal(there.error, "DeadlockError");
        await does(other, { act: "give" });
        assert.equal(await outcome, "done");
      }
    }),
  );

  it("of tasks of one thread is broken, and other tasks finish", LIMIT, async () => {
    const segment = Segment.anonymous(65536, { detectDeadlocks: true });
    const [a, b] = [segment.mutex("a"), segment.rwLock("b")];
    await assert.rejects(withLock(a, () => withLock(a, () => {})), (error) => {
      assert.ok(error instanceof DeadlockError);
      assert.match(error.message, /waits, by a task, for the mutex "a" .*holds the mutex "a"/);
      return true;
    });
    let inside = 0;
    const both = async () => {
      inside++;
      await until("both", () => inside === 2);
    };
    const results = await Promise.allSettled([
      withLock(a, async () => (await both(), await withLock(b, () => "first"))),
      withLock(b, async () => (await both(), await withLock(a, () => "second"))),
    ]);
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    const failed = results.find((one) => one.status === "rejected")!;
    assert.ok(failed.reason instanceof DeadlockError);
    // A task for which the body does not wait, and one that waits for a lock that the body released.
    let late: Promise<string> | undefined;
    await withLock(a, () => void (late = withLock(a, () => "late")));
    assert.equal(await late, "late");
    const c = segment.mutex("c");
    const inner = withLock(a, async (guard) => {
      guard.release();
      const other = await a.acquire();
      const wait = withLock(a, () => "inner");
      // It has looked when a later deadlock is found.
      await assert.rejects(withLock(c, () => withLock(c, () => {})), DeadlockError);
      other.release();
      return await wait;
    });
    assert.equal(await inner, "inner");
  });

  it("is explained with the lines where this thread acquired its locks", LIMIT, async () => {
    const { INTERLOCK_TRACE: before } = process.env;
    process.env.INTERLOCK_TRACE = "1";
    const mutex = Segment.anonymous(65536, { detectDeadlocks: true }).mutex("a");
    if (before === undefined) delete process.env.INTERLOCK_TRACE;
    else process.env.INTERLOCK_TRACE = before;
    const wait = withLock(mutex, () => withLock(mutex, () => {}));
    await assert.rejects(wait, /which it acquired at .*deadlock_test\.ts:\d+/);
    mutex.runSync(() => assert.equal(mutex.held, true));
    assert.throws(() => mutex.runSync(undefined!), TypeError);
    assert.equal(mutex.tryAcquire()?.held, true);
  });

  it("is looked for in the segment of a handle, and only if asked for", () => {
    const options = { detectDeadlocks: true };
    const segment = Segment.anonymous(65536, options);
    assert.deepEqual(Object.keys(segment.handle), ["memory", "detectDeadlocks"]);
    assert.deepEqual(Object.keys(Segment.from(segment.handle).handle), Object.keys(segment.handle));
    assert.deepEqual(Object.keys(Segment.anonymous(65536).handle), ["memory"]);
    const wrong = { detectDeadlocks: 1 } as unknown as typeof options;
    assert.throws(() => Segment.anonymous(65536, wrong), /detectDeadlocks must be true or false/);
    assert.throws(() => Segment.open("x", wrong), /detectDeadlocks must be true or false/);
    assert.equal(PERMITS, 2);
  });
});
