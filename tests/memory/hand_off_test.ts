import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { MUTEX } from "../../src/memory/layout.ts";
import { OWNER } from "../../src/memory/lock_words.ts";
import { attachmentOf, regionOf } from "../../src/memory/memory.ts";
import { type Memory, Mutex } from "../../src/memory/mod.ts";
import { processIdentity } from "../../src/runtime/identity/thread_identity.ts";
import { stateOf } from "../support/thread_state.ts";
import { until } from "../support/until.ts";
import { itInBoth } from "./fixtures/both_memories.ts";
import { RUNTIMES, SLEEPERS, withAgents } from "./fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const HANDED = 0x80000000 | 0;

/** A thread that lives and always has the mutex at offset 0, except during a release. */
class Hog {
  readonly identity: number;
  readonly at: number;
  readonly #atomics;

  constructor(memory: Memory) {
    const { region, threads } = attachmentOf(memory);
    this.identity = threads.claim(processIdentity(process.ppid), true);
    this.at = region.resolve(0, MUTEX.bytes, 8);
    this.#atomics = region.atomics;
    this.lock();
  }

  get heir(): number {
    return this.#atomics.load32(this.at + MUTEX.heir);
  }

  get owner(): number {
    return this.#atomics.load32(this.at) & OWNER;
  }

  lock(): boolean {
    return this.#atomics.tryLock(this.at, this.identity, 0) !== 0;
  }

  unlock(): number {
    return this.#atomics.unlock(this.at, this.identity);
  }
}

describe("A fair mutex", () => {
  itInBoth("is handed to a waiter that was overtaken, and to no other", (memory, again) => {
    const hog = new Hog(memory);
    const me = attachmentOf(memory).identity;
    let overtakes = 0;
    // This thread is the only one: each of its sleeps is the moment of the other.
    regionOf(memory).wait = (at) => {
      if (hog.heir !== me) {
        const waiting = hog.unlock();
        assert.ok(waiting >= 0 && waiting < 4, `${waiting}`);
        assert.ok(hog.lock());
        overtakes++;
      } else if (at === hog.at + MUTEX.heir) {
        assert.equal(hog.unlock(), 4);
        assert.deepEqual([hog.owner, hog.heir], [me, me | HANDED]);
        assert.equal(new Mutex(again(), 0).tryAcquire(), undefined, "it is not the waiter");
        assert.equal(hog.lock(), false);
      }
      return true;
    };
    const mutex = new Mutex(memory, 0, { fair: true });
    const guard = mutex.acquireSync();
    assert.ok(overtakes > 0);
    assert.deepEqual([guard.recovered, mutex.held, hog.heir], [false, true, 0]);
    guard.release();
    assert.equal(hog.owner, 0);
  });

  itInBoth("without the option is never handed off", (memory) => {
    const hog = new Hog(memory);
    regionOf(memory).wait = () => {
      assert.equal(hog.heir, 0);
      hog.unlock();
      return hog.lock();
    };
    const end = { timeout: 20 };
    assert.throws(() => new Mutex(memory, 0).acquireSync(end), { name: "TimeoutError" });
    assert.deepEqual([hog.heir, hog.owner], [0, hog.identity]);
  });

  itInBoth("is not handed to a waiter that gave up", (memory) => {
    const hog = new Hog(memory);
    let asked = 0;
    const region = regionOf(memory);
    const { wait } = region;
    region.wait = (at, expected, time) => {
      if (at === hog.at + MUTEX.heir) {
        asked++;
        return wait.call(region, at, expected, time);
      }
      hog.unlock();
      return hog.lock();
    };
    const mutex = new Mutex(memory, 0, { fair: true });
    // A busy machine may take the time of a short timeout before the waiter asks.
    for (let timeout = 5; asked === 0; timeout *= 4) {
      assert.ok(timeout < 20_000, "it did not ask");
      assert.throws(() => mutex.acquireSync({ timeout }), { name: "TimeoutError" });
    }
    assert.deepEqual([hog.heir, hog.owner], [0, hog.identity]);
  });

  it("refuses an option of another type", () => {
    assert.throws(
      // @ts-expect-error: not a boolean.
      () => new Mutex(undefined!, 0, { fair: 1 }),
      /fair must be a boolean, not the number 1/,
    );
  });

  for (const name of RUNTIMES) {
    it(
      `goes on when a thread dies that was handed the lock, or hands it over: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const region = regionOf(group.memory);
        const at = region.resolve(0, MUTEX.bytes, 8);
        const { atomics } = region;
        for (const which of ["asks", "was handed it", "hands it over"]) {
          const dead = await group.process(name);
          await dead.take(0);
          const identity = group.word(0) & OWNER;
          // As if it had died in that step.
          if (which === "asks") {
            await dead.do({ act: "release", mutex: 0 });
            atomics.store32(at + MUTEX.heir, identity);
          } else atomics.store32(at + MUTEX.heir, identity | HANDED);
          const mutex = new Mutex(group.memory, 0, { fair: true });
          if (which === "hands it over") {
            const other = await group.process();
            await other.take(1);
            atomics.store32(at + MUTEX.heir, (group.word(1) & OWNER) | HANDED);
            await dead.kill();
            assert.equal(mutex.tryAcquire(), undefined, "the lock is another thread's");
            await other.kill();
          } else await dead.kill();
          const waiter = await group.process();
          if (which === "asks") mutex.lock();
          waiter.tell({ act: "take", mutex: 0 });
          if (which === "asks") {
            await group.waited(0, SLEEPERS);
            // Else it may recover the lock before the look.
            waiter.child.stop("SIGSTOP");
            await until("the stop", () => stateOf(waiter.child.pid) === "T");
            mutex.unlock();
            assert.equal(group.word(0) & OWNER, identity, "it is handed to the dead one");
            waiter.child.stop("SIGCONT");
          }
          const { got, recovered } = await waiter.outcome();
          assert.deepEqual([got, recovered], [true, false], which);
          await waiter.do({ act: "release", mutex: 0 });
          mutex.lock();
          mutex.unlock();
          group.mutex(1).acquireSync().release();
        }
      }),
    );
  }
});
