import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OwnerDiedError } from "../../../src/contract/mod.ts";
import { Mutex } from "../../../src/memory/mod.ts";
import { threadIdentity } from "../../../src/runtime/identity/thread_identity.ts";
import { itInBoth } from "../fixtures/both_memories.ts";
import { RUNTIMES, withAgents } from "../fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };

describe("A mutex that was marked inconsistent", () => {
  itInBoth("throws for each acquire, until one asks to recover", async (memory, again) => {
    const mutex = new Mutex(memory, 0);
    mutex.acquireSync().release();
    const guard = mutex.acquireSync();
    guard.markInconsistent();
    assert.equal(guard.held, true);
    guard.release();
    assert.throws(() => guard.markInconsistent(), /released/);
    const { pid } = threadIdentity();
    const isMarked = (error: unknown) =>
      error instanceof OwnerDiedError && error.owner?.pid === pid &&
      /marked inconsistent/.test(error.message);
    for (
      const one of [mutex, new Mutex(again(), 0), new Mutex(again(), 0, { onOwnerDied: "throw" })]
    ) {
      assert.throws(() => one.acquireSync(), isMarked);
      assert.throws(() => one.tryAcquire(), isMarked);
      assert.throws(() => one.lock(), isMarked);
      assert.throws(() => one.runSync(() => assert.fail("it ran")), isMarked);
      await assert.rejects(one.acquire(), isMarked);
      assert.equal(one.owner(), undefined, "it is held");
    }
    const repaired = new Mutex(again(), 0).acquireSync({ recover: true });
    assert.deepEqual([repaired.recovered, repaired.previousOwner?.pid], [true, pid]);
    repaired.release();
    mutex.runSync(() => assert.equal(mutex.recovered, false));
  });

  itInBoth("is marked by the guard that holds it, and by no other", (memory) => {
    const mutex = new Mutex(memory, 0);
    const first = mutex.acquireSync();
    first.release();
    mutex.lock();
    assert.throws(() => first.markInconsistent(), /released/);
    mutex.unlock();
    mutex.acquireSync().release();
  });

  for (const name of RUNTIMES) {
    it(
      `is so in other processes, whatever else dies: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const [first, second, third] = [
          await group.process(name),
          await group.process(name),
          await group.process(),
        ];
        await first.take(0);
        await first.do({ act: "mark", mutex: 0 });
        await first.kill();
        assert.throws(() => group.mutex(0).acquireSync({ timeout: 20_000 }), OwnerDiedError);
        assert.equal((await second.take(0)).error, "OwnerDiedError");
        // The second owner dies, too: that is another death, and the mark is gone.
        assert.equal((await second.take(0, "timed", { recover: true })).recovered, true);
        await second.kill();
        assert.equal((await third.take(0)).recovered, true);
        await third.do({ act: "release", mutex: 0 });
        assert.equal((await third.take(0)).recovered, false);
      }),
    );
  }
});
