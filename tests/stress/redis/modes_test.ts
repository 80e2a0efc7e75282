import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as later } from "node:timers/promises";
import { LockLostError } from "../../../src/contract/mod.ts";
import { RedisLock } from "../../../src/redis/mod.ts";
import { randomOf } from "../../support/random.ts";
import { skip } from "../../support/redis_server.ts";
import { startServers } from "../../redis/suite.ts";

const DEADLINE = { timeout: 110_000 };

/** What an object protected by a lock sees of its users. */
class Protected {
  readers = 0;
  writers = 0;
  version = 0;

  check(): void {
    assert.ok(this.writers === 0 || this.writers === 1 && this.readers === 0, this.toString());
  }

  toString(): string {
    return `${this.readers} readers, ${this.writers} writers`;
  }
}

/** Reads and writes at random, in all modes and changes of the mode. Returns the upgrades. */
async function useInModes(
  lock: RedisLock,
  object: Protected,
  rounds: number,
  random: () => number,
): Promise<{ inPlace: number; waited: number; lost: number }> {
  const upgrades = { inPlace: 0, waited: 0, lost: 0 };
  const read = async () => {
    object.readers++;
    object.check();
    await later();
    object.check();
    object.readers--;
  };
  const write = async () => {
    object.writers++;
    object.check();
    const version = ++object.version;
    await later();
    object.check();
    assert.equal(object.version, version, "another writer was inside");
    object.writers--;
  };
  for (let i = 0; i < rounds; i++) {
    const guard = await lock.acquire({ shared: random() < 0.7 });
    await using _released = guard;
    for (let changes = Math.floor(random() * 4); changes > 0; changes--) {
      if (!guard.shared) {
        await write();
        await guard.downgrade();
        continue;
      }
      await read();
      const { version } = object;
      try {
        const timeout = random() < 0.3 ? Math.floor(random() * 10) : 10_000;
        if (await guard.upgrade({ timeout })) {
          upgrades.inPlace++;
          assert.equal(object.version, version, "there was a gap");
        } else upgrades.waited++;
      } catch (error) {
        assert.ok(error instanceof LockLostError, `${error}`);
        assert.equal((error.cause as Error).name, "TimeoutError");
        upgrades.lost++;
        break;
      }
    }
    if (!guard.held) continue;
    await (guard.shared ? read() : write());
  }
  return upgrades;
}

describe("RedisLock in changing modes", { skip }, () => {
  const { adapters } = startServers(3);

  let names = 0;
  for (const count of [1, 3]) {
    for (const options of [{}, { fair: true }, { localHandOff: { holds: 3, time: 1000 } }]) {
      if (count === 3 && "fair" in options) continue;
      const how = Object.keys(options)[0] ?? "unfair";
      it(`never has a writer beside others: ${count} servers, ${how}`, DEADLINE, async () => {
        const random = randomOf(++names);
        const name = `modes ${names}`;
        const locks = Array.from(
          { length: 4 },
          () =>
            new RedisLock(count === 1 ? adapters[0] : adapters, name, {
              ...options,
              leaseTime: 30_000,
              restartGuard: false,
              commandTimeout: 5000,
            }),
        );
        try {
          const object = new Protected();
          // Two tasks of each object.
          const all = await Promise.all(
            [...locks, ...locks].map((lock) =>
              useInModes(lock, object, count === 1 ? 15 : 5, random)
            ),
          );
          const sum = (kind: "inPlace" | "waited") =>
            all.reduce((sum, upgrades) => sum + upgrades[kind], 0);
          assert.ok(sum("inPlace") > 0 && sum("waited") > 0, JSON.stringify(all));
          await (await locks[0].acquire()).release();
        } finally {
          await Promise.all(locks.map((lock) => lock.close()));
        }
      });
    }
  }
});
