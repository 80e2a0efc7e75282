import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { DeadlockError, LockLostError } from "../../../src/contract/mod.ts";
import { HEADER, RW_LOCK, SLOT, SLOTS } from "../../../src/memory/layout.ts";
import { attachmentOf } from "../../../src/memory/memory.ts";
import { Memory, RwLock } from "../../../src/memory/mod.ts";
import type { Preference } from "../../../src/memory/rw_lock_options.ts";
import { lookingSignal } from "../../support/looking_signal.ts";
import {
  outcomeOf,
  perform,
  type PrimitiveGroup,
  tell,
  withPrimitive,
} from "../fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
const SHARED = { shared: true };
const UPGRADABLE = { upgradable: true };
/** Ends a wait that should not have begun. */
const timeout = 200;

const withGroup = (
  body: (group: PrimitiveGroup<RwLock>) => Promise<void>,
  prefer: Preference = "writers",
) =>
  withPrimitive(
    `rw-lock ${prefer}`,
    RwLock.BYTES,
    (memory) => new RwLock(memory, 0, { prefer }),
    body,
  );

/** Claims the slot of another thread, or of this one as another copy of the library would. */
function claim(memory: Memory, isMine: boolean): number {
  const { threads, thread } = attachmentOf(memory);
  return threads.claim(thread && (isMine ? thread : { ...thread, startTime: 0 }), true);
}

describe("A thread that reads while a writer of another process waits", () => {
  it(
    "is told of the deadlock if it blocks for the lock again",
    LIMIT,
    withGroup(async (group) => {
      const { lock, memory } = group;
      const [writer, another] = [await group.start(), new RwLock(memory, 0)];
      using guard = lock.acquireSync(SHARED);
      using second = lock.acquireSync(SHARED);
      tell(writer, { act: "take", way: "sync" });
      await group.waits(writer);
      assert.throws(() => lock.acquireSync({ timeout }), DeadlockError);
      assert.throws(() => another.acquireSync({ timeout }), DeadlockError);
      assert.throws(() => another.acquireSync({ ...SHARED, timeout }), DeadlockError);
      for (const one of [lock, another]) {
        assert.throws(() => one.acquireSync({ ...UPGRADABLE, timeout }), DeadlockError);
      }
      assert.throws(() => second.upgradeSync({ timeout }), (error) => {
        assert.ok(error instanceof LockLostError);
        assert.ok(error.cause instanceof DeadlockError, String(error.cause));
        return true;
      });
      guard.release();
      assert.equal((await outcomeOf(writer)).got, true);
    }),
  );

  for (const prefer of ["writers", "readers", "fair"] as const) {
    it(
      `is told of the deadlock if the writer has come during the wait: ${prefer}`,
      LIMIT,
      withGroup(async (group) => {
        const { lock } = group;
        const holder = await group.start();
        await perform(holder, { act: "take", way: "sync", ...UPGRADABLE });
        using guard = lock.acquireSync(SHARED);
        assert.throws(() => lock.acquireSync({ ...UPGRADABLE, timeout: 60 }), {
          name: "TimeoutError",
        });
        await perform(holder, { act: "upgrade" });
        assert.throws(() => lock.acquireSync(UPGRADABLE), DeadlockError);
        await group.waits(holder);
        guard.release();
        assert.equal((await perform(holder, { act: "give" })).error, undefined);
        lock.acquireSync().release();
      }, prefer),
    );
  }

  it("is told that it has the turn itself", () => {
    const lock = new RwLock(Memory.anonymous(RwLock.BYTES), 0);
    using _guard = lock.acquireSync(SHARED);
    using _upgradable = lock.acquireSync(UPGRADABLE);
    const isTold = { name: "DeadlockError", message: /^Cannot wait for a read-write lock/ };
    assert.throws(() => lock.acquireSync(UPGRADABLE), isTold);
  });

  it("is told of it by another copy of the library too", () => {
    const memory = Memory.anonymous(RwLock.BYTES);
    const lock = new RwLock(memory, 0);
    const { region: { atomics, base } } = attachmentOf(memory);
    const identity = claim(memory, true);
    const slot = identity & SLOTS;
    const at = base + HEADER.firstSlot + (slot - 1) * SLOT.bytes;
    atomics.store32(at + SLOT.readers, 1);
    atomics.store32(base + HEADER.end + RW_LOCK.slots + 4 * (slot >> 5), 1 << (slot & 31));
    assert.throws(() => lock.acquireSync({ timeout }), DeadlockError);
    atomics.store32(at + SLOT.readers, 0);
    lock.acquireSync().release();
  });

  it("is told of nothing if a writer only looks whether it can have the lock", () => {
    const memory = Memory.anonymous(RwLock.BYTES);
    const [lock, another] = [new RwLock(memory, 0), new RwLock(memory, 0)];
    const { region: { atomics, base } } = attachmentOf(memory);
    using _guard = lock.acquireSync(SHARED);
    const writer = claim(memory, false);
    for (const offset of [RW_LOCK.turn, RW_LOCK.gate]) {
      atomics.store32(base + HEADER.end + offset, writer);
    }
    for (const options of [SHARED, UPGRADABLE]) {
      const late = { name: "TimeoutError" };
      assert.throws(() => another.acquireSync({ ...options, timeout: 20 }), late);
    }
    for (const offset of [RW_LOCK.turn, RW_LOCK.gate]) {
      atomics.store32(base + HEADER.end + offset, 0);
    }
    another.acquireSync(SHARED).release();
  });
});

describe("A writer that waits in vain for a reader of another process", () => {
  it(
    "names the reader, and not itself",
    LIMIT,
    withGroup(async (group) => {
      const reader = await group.start();
      await perform(reader, { act: "take", way: "sync", ...SHARED });
      const isNamed = ({ message }: Error) => {
        assert.match(message, new RegExp(`process ${reader.pid}\\b`));
        assert.doesNotMatch(message, new RegExp(`process ${process.pid}\\b`));
        return true;
      };
      assert.throws(() => group.lock.acquireSync({ timeout: 1 }), isNamed);
      await assert.rejects(group.lock.acquire({ timeout: 1 }), isNamed);
    }),
  );
});

describe("A reader that blocks its thread to upgrade, with a reader of another process", () => {
  for (const options of [SHARED, UPGRADABLE]) {
    it(
      `gives up at its time, or by its signal: ${JSON.stringify(options)}`,
      LIMIT,
      withGroup(async (group) => {
        const { lock } = group;
        const reader = await group.start();
        await perform(reader, { act: "take", way: "sync", ...SHARED });
        const reason = new Error("enough");
        const signal = lookingSignal((look) => {
          if (look === 8) throw reason;
        });
        const waits = [
          { end: { timeout: 1 }, isRight: (cause: Error) => cause.name === "TimeoutError" },
          { end: { signal }, isRight: (cause: Error) => cause === reason },
        ];
        for (const { end, isRight } of waits) {
          const guard = lock.acquireSync(options);
          assert.throws(() => guard.upgradeSync(end), (error: Error) => {
            assert.ok(error instanceof LockLostError, String(error));
            return isRight(error.cause as Error);
          });
          assert.equal(guard.held, false);
          assert.deepEqual(lock.owners().map(({ pid }) => pid), [reader.pid]);
          lock.tryAcquire(UPGRADABLE)!.release();
        }
        await perform(reader, { act: "give" });
        const guard = lock.acquireSync(options);
        assert.equal(guard.upgradeSync({ timeout: 0 }), true);
        guard.downgrade();
        guard.release();
      }),
    );
  }
});
