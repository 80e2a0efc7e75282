import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Segment, type SegmentHandle } from "../../../src/memory/mod.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { Thread } from "../../support/thread.ts";
import { RUNTIMES } from "../fixtures/lock_agents.ts";
import { withLocks } from "../fixtures/locks_group.ts";

const LIMIT = { timeout: 120_000 };
const WORKER = new URL("../fixtures/locks_worker.ts", import.meta.url);
const SHARED = { mode: "shared" } as const;
const EMPTY = { held: [], pending: [] };
const WAYS = ["request", "block"] as const;

describe("The locks of processes", () => {
  it(
    "exclude each other in all runtimes, in the order of the requests",
    LIMIT,
    withLocks(async (group) => {
      const { locks } = group;
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      const ids = await Promise.all(children.map((child) => child.clientId()));
      assert.equal(new Set(ids).size, ids.length, "each process is a client of its own");
      for (const way of WAYS) {
        const order: string[] = [];
        const { promise, resolve } = Promise.withResolvers<void>();
        const first = locks.request("a", () => promise);
        for (const child of children) await child.wait("a", way);
        const last = locks.request("a", () => order.push("last"));
        const { held, pending } = await locks.query();
        assert.equal(held.length, 1);
        assert.deepEqual(pending.map(({ clientId }) => clientId), [...ids, held[0].clientId]);
        assert.equal(await locks.request("a", { ifAvailable: true }, (lock) => lock), null);
        resolve();
        await first;
        for (const child of children) {
          assert.equal(await child.outcome(), "granted");
          if (way === "request") {
            assert.deepEqual(order, []);
            await child.release("a");
          } else assert.equal(await child.outcome(), "released");
        }
        await last;
        assert.deepEqual(await locks.query(), EMPTY);
      }
    }),
  );

  it(
    "are shared by all runtimes, and exclude an exclusive request",
    LIMIT,
    withLocks(async (group) => {
      const children = await Promise.all(RUNTIMES.map((name) => group.start(name)));
      for (const child of children) await child.hold("a", SHARED);
      const writer = await group.start();
      await writer.wait("a");
      for (const [i, child] of children.entries()) {
        assert.equal((await group.locks.query()).held.length, children.length - i);
        await child.release("a");
      }
      assert.equal(await writer.outcome(), "granted");
      await writer.release("a");
      assert.deepEqual(await group.locks.query(), EMPTY);
    }),
  );

  it(
    "show a deadlock",
    LIMIT,
    withLocks(async (group) => {
      const [one, other] = [await group.start(), await group.start(RUNTIMES.at(-1))];
      await one.hold("a");
      await other.hold("b");
      await one.wait("b");
      await other.wait("a");
      const [first, second] = [await one.clientId(), await other.clientId()];
      const mode = "exclusive";
      assert.deepEqual(await group.locks.query(), {
        held: [{ name: "a", mode, clientId: first }, { name: "b", mode, clientId: second }],
        pending: [{ name: "b", mode, clientId: first }, { name: "a", mode, clientId: second }],
      });
    }),
  );

  for (const name of RUNTIMES) {
    it(
      `are stolen from another process, which learns of it: ${name}`,
      LIMIT,
      withLocks(async (group) => {
        const victim = await group.start(name);
        await victim.hold("a");
        let isHeld = true;
        const stolen = group.locks.request("a", { steal: true }, async () => {
          assert.deepEqual(await victim.outcome(), { error: "AbortError" });
          isHeld = false;
        });
        await stolen;
        assert.equal(isHeld, false);
        assert.deepEqual(await group.locks.query(), EMPTY);
        await victim.hold("a");
        victim.tell("request", "a", { steal: true });
        const outcomes = [await victim.outcome(), await victim.outcome()];
        assert.ok(outcomes.includes("granted"));
        assert.deepEqual(outcomes.find((outcome) => outcome !== "granted"), {
          error: "AbortError",
        });
      }),
    );

    it(
      `are granted to the next ones after the holder was killed: ${name}`,
      LIMIT,
      withLocks(async (group) => {
        for (const way of WAYS) {
          const [holder, next] = [await group.start(name), await group.start(name)];
          await holder.hold("a", way === "block" ? SHARED : {});
          await holder.hold("b");
          const here = group.locks.request("b", () => "here");
          await next.wait("a", way);
          const last = group.locks.request("a", SHARED, (lock) => lock?.mode);
          await holder.kill();
          assert.equal(await next.outcome(), "granted");
          assert.equal(await here, "here");
          if (way === "request") await next.release("a");
          else assert.equal(await next.outcome(), "released");
          assert.equal(await last, "shared");
          assert.deepEqual(await group.locks.query(), EMPTY);
        }
      }),
    );

    it(
      `are available after the holder was killed, and its requests are gone: ${name}`,
      LIMIT,
      withLocks(async (group) => {
        const killed = await group.start(name);
        await killed.hold("a");
        await killed.hold("b", SHARED);
        await killed.wait("b");
        await killed.kill();
        assert.notEqual(
          await group.locks.request("a", { ifAvailable: true }, (lock) => lock),
          null,
        );
        assert.equal(group.locks.requestSync("b", (lock) => lock?.name), "b");
        assert.deepEqual(await group.locks.query(), EMPTY);
      }),
    );

    it(
      `are granted past a request whose process was killed: ${name}`,
      LIMIT,
      withLocks(async (group) => {
        for (const way of WAYS) {
          const [holder, killed, next] = await Promise.all(
            [name, name, name].map((name) => group.start(name)),
          );
          await holder.hold("a", SHARED);
          await killed.wait("a", way);
          await next.wait("a", way, SHARED);
          await killed.kill();
          assert.equal(await next.outcome(), "granted", "it waited only for the one that died");
          await holder.release("a");
          if (way === "request") await next.release("a");
          else assert.equal(await next.outcome(), "released");
          assert.deepEqual(await group.locks.query(), EMPTY);
        }
      }),
    );

    it(
      `are repaired after a process was killed in the middle of a change: ${name}`,
      LIMIT,
      withLocks(async (group) => {
        const [killed, next] = [await group.start(name), await group.start(name)];
        await killed.hold("a");
        await next.wait("a");
        killed.tell("stop", "");
        assert.equal(await killed.outcome(), "stopped");
        await killed.kill();
        assert.equal(await next.outcome(), "granted");
        const { held, pending } = await group.locks.query();
        assert.deepEqual([held.length, pending], [1, []]);
        await next.release("a");
        assert.deepEqual(await group.locks.query(), EMPTY);
      }),
    );
  }

  for (const kind of ["anonymous", "named"]) {
    it(`are released when their worker ends: ${kind}`, LIMIT, async () => {
      const name = `interlock-test-${crypto.randomUUID()}`;
      const segment = kind === "named" ? Segment.open(name) : Segment.anonymous();
      const thread = new Thread(WORKER);
      try {
        thread.post(segment.handle satisfies SegmentHandle);
        assert.equal(await thread.next(), "granted");
        const { locks } = segment;
        const [{ clientId }] = (await locks.query()).held;
        const seen = locks.request("of the worker", async () => (await locks.query()).held);
        assert.equal((await locks.query()).pending.length, 1);
        thread.end();
        const [{ clientId: mine }] = await seen;
        assert.notEqual(mine, clientId);
        assert.match(mine, new RegExp(`^${adapter.name}-`));
      } finally {
        thread.end();
        segment.close();
        if (kind === "named") Segment.remove(name);
      }
    });
  }
});
