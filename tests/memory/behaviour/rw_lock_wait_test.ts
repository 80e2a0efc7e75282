import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { DeadlockError, LockLostError } from "../../../src/contract/mod.ts";
import { RwLock } from "../../../src/memory/mod.ts";
import {
  outcomeOf,
  perform,
  type PrimitiveGroup,
  tell,
  withPrimitive,
} from "../fixtures/primitive_group.ts";

const LIMIT = { timeout: 60_000 };
const SHARED = { shared: true };
/** Ends a wait that should not have begun. */
const timeout = 200;

const withGroup = (body: (group: PrimitiveGroup<RwLock>) => Promise<void>) =>
  withPrimitive("rw-lock", RwLock.BYTES, (memory) => new RwLock(memory, 0), body);

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
      assert.throws(() => second.upgradeSync({ timeout }), (error) => {
        assert.ok(error instanceof LockLostError);
        assert.ok(error.cause instanceof DeadlockError, String(error.cause));
        return true;
      });
      guard.release();
      assert.equal((await outcomeOf(writer)).got, true);
    }),
  );
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
