import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { elect, UnsupportedError } from "../../../src/contract/mod.ts";
import {
  adapterOf,
  type RedisAdapter,
  RedisCounter,
  RedisLock,
  RedisRateLimiter,
  RedisSemaphore,
  RefusedError,
  Script,
} from "../../../src/redis/mod.ts";
import { ServerLock } from "../../../src/redis/server_lock/server_lock.ts";
import { ServerSemaphore } from "../../../src/redis/semaphore/server_semaphore.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";

const DEADLINE = { timeout: 120_000 };
/** The machine may be busy. */
const LONG_MS = 30_000;
const PAGE = readFileSync(new URL("../../../docs/permissions.md", import.meta.url), "utf8");

/** The rights that the page lists for a class; the second ones help, and are not needed. */
function rightsOf(name: string): [needed: string[], helpful: string[]] {
  const [, needed, helpful = ""] =
    new RegExp(`^${name}:\\s+\`([^\`]*)\`(?:[^\`]*\`([^\`]*)\`)?`, "m").exec(PAGE) ?? [];
  return [needed.split(" "), helpful.split(" ").filter(Boolean)];
}

/** Checks that the server has refused an operation for want of a right, and that the error says so. */
function assertRefused(error: unknown, right: string): void {
  if (right === "+eval") {
    assert.ok(error instanceof UnsupportedError, String(error));
    assert.match(error.message, /\+eval \+evalsha/);
    return;
  }
  assert.ok(error instanceof RefusedError, `${right}: ${error}`);
  assert.equal(error.code, "NOPERM");
  if (!right.startsWith("+")) return;
  const command = right.slice(1).replace("|", "\\|");
  assert.match(error.message, new RegExp(`'${command}'.* command.*ACL SETUSER NAME \\+`, "i"));
}

/** Waits for `waiting` to stand in the queue at `key`, lets it go on by `release`, and awaits it. */
async function afterWaiting<T>(
  admin: RedisAdapter,
  key: string,
  waiting: Promise<T>,
  release: () => Promise<unknown>,
): Promise<T> {
  const queued = until("the waiter", async () => Number(await admin.send("ZCARD", key)) > 0);
  queued.catch(() => {});
  await Promise.race([queued, waiting]);
  await release();
  return await waiting;
}

/** What each class does, by the name of its section in the page. */
const USES: Readonly<Record<string, (url: string, admin: RedisAdapter) => Promise<void>>> = {
  async RedisCounter(url) {
    await using counter = new RedisCounter(url, "visits", { commandTimeout: LONG_MS });
    await counter.add();
    await counter.add();
    await counter.get();
    await counter.fetchMax(7);
    await counter.add(1, { operation: "a", retryFor: 0 });
    await using expiring = new RedisCounter(url, "visits:today", {
      commandTimeout: LONG_MS,
      expireAfter: 60_000,
    });
    await expiring.add();
    await expiring.set(1);
    const collected = counter.coalesced({ flushEvery: 60_000 });
    collected.add();
    await collected.close();
  },
  async RedisLock(url, admin) {
    const adapter = adapterOf(url, { commandTimeout: LONG_MS });
    try {
      await using lock = new RedisLock(adapter, "nightly");
      await using other = new RedisLock(adapter, "nightly");
      const queue = "interlock:{nightly}:queue";
      const first = await lock.acquire();
      await lock.owner();
      const second = await afterWaiting(admin, queue, other.acquire(), () => first.release());
      await second.downgrade();
      const third = await lock.acquire({ shared: true });
      await third.release();
      assert.equal(await second.upgrade(), true);
      const shared = lock.acquire({ shared: true });
      await (await afterWaiting(admin, queue, shared, () => second.release())).release();
      // A renewal, without waiting for a third of a lease.
      const server = new ServerLock(adapter, "nightly");
      for (const shared of [false, true]) {
        const request = { value: `v ${shared}`, leaseTime: 60_000, shared };
        assert.equal((await server.attempt(request)).granted, true);
        assert.equal(await server.renew(request), true);
        await server.release(request);
      }
    } finally {
      await adapter.close();
    }
  },
  async RedisSemaphore(url, admin) {
    const adapter = adapterOf(url, { commandTimeout: LONG_MS });
    try {
      await using one = new RedisSemaphore(adapter, "downloads", 2);
      await using other = new RedisSemaphore(adapter, "downloads", 2);
      const queue = "interlock:{downloads}:semaphore-queue";
      const first = await one.acquire({ permits: 2 });
      const second = await afterWaiting(admin, queue, other.acquire(), () => first.release());
      await second.release();
      const server = new ServerSemaphore(adapter, "downloads", 2);
      const request = { value: "v", leaseTime: 60_000, wanted: 1 };
      assert.equal((await server.attempt(request)).granted, true);
      assert.equal(await server.renew(request), true);
      await server.release(request);
      await server.held();
      // Of two holders, one dies.
      const died = { ...request, value: "died", leaseTime: 1 };
      for (const hold of [request, died]) {
        assert.equal((await server.attempt(hold)).granted, true);
      }
      await until("the end of the lease", async () => await server.held() === 1);
      await server.release(request);
    } finally {
      await adapter.close();
    }
  },
  async RedisRateLimiter(url) {
    const limit = { limit: 1, interval: 60_000, commandTimeout: LONG_MS };
    await using limiter = new RedisRateLimiter(url, "calls", { ...limit, interval: 20 });
    for (let i = 0; i < 4; i++) await limiter.acquire();
    await limiter.acquire({ key: "user" });
    await using slow = new RedisRateLimiter(url, "calls", { ...limit, burst: 1 });
    await using full = new RedisRateLimiter(url, "calls", limit);
    await slow.tryAcquire();
    // The last grant to the first limiter counts here until it is forgotten.
    await until("a grant", async () => (await full.tryAcquire()).granted);
    for (const waiting of [slow, full]) {
      // What it has reserved comes back.
      const error = await waiting.acquire({ signal: AbortSignal.timeout(20) }).catch((e) => e);
      if (error?.name !== "TimeoutError") throw error;
    }
  },
};

describe("the rights in docs/permissions.md", { skip }, () => {
  let server: RedisServer;
  let admin: RedisAdapter;
  let url: string;
  before(async () => {
    server = await RedisServer.start();
    admin = adapterOf(server.url, { commandTimeout: LONG_MS });
    url = server.url.replace("redis://", "redis://app:pw@");
  });
  after(async () => {
    await admin?.close();
    await server?.[Symbol.asyncDispose]();
  });

  const useAs = async (name: string, rights: readonly string[]) => {
    await admin.send("FLUSHALL");
    await admin.send("SCRIPT", "FLUSH"); // Each script is sent anew.
    await admin.send("ACL", "SETUSER", "app", "reset", "on", ">pw", ...rights);
    await USES[name](url, admin);
  };

  for (const name of Object.keys(USES)) {
    it(`are enough for a ${name}, and all of them are needed`, DEADLINE, async () => {
      const [rights, helpful] = rightsOf(name);
      await useAs(name, [...rights, ...helpful]);
      await useAs(name, rights);
      const unneeded: string[] = [];
      for (const right of rights) {
        const others = rights.filter((other) => other !== right);
        try {
          await useAs(name, others);
          unneeded.push(right);
        } catch (error) {
          assertRefused(error, right);
        }
      }
      assert.deepEqual(unneeded, []);
    });
  }

  it("tell if a script may not be sent, but run it if the server knows it", DEADLINE, async () => {
    const script = new Script("return redis.call('GET', KEYS[1])");
    await admin.send("SET", "k", "v");
    await admin.send("ACL", "SETUSER", "app", "reset", "on", ">pw", "~*", "+get", "+evalsha");
    const adapter = adapterOf(url, { commandTimeout: LONG_MS });
    try {
      await assert.rejects(script.run(adapter, ["k"], []), (error: unknown) => {
        assert.ok(error instanceof UnsupportedError, String(error));
        assert.match(error.message, /Allow EVAL and EVALSHA/);
        return true;
      });
      await admin.send("SCRIPT", "LOAD", script.source);
      assert.equal(await new Script(script.source).run(adapter, ["k"], []), "v");
      await admin.send("ACL", "SETUSER", "app", "-evalsha", "+eval");
      assert.equal(await script.run(adapter, ["k"], []), "v");
    } finally {
      await adapter.close();
    }
  });
});

/** A user who loses a right during its work. */
interface Limited {
  readonly url: string;
  readonly admin: RedisAdapter;
  /** Runs an operation without the right; `undefined` if the server has refused it. */
  attempt<T>(operation: () => Promise<T>): Promise<T | undefined>;
}

const SLOW = { commandTimeout: LONG_MS, leaseTime: 60_000 };

/** What else locks do. If it is refused, nothing has changed. */
const OPERATIONS: Readonly<Record<string, (user: Limited) => Promise<void>>> = {
  async "detach a hold"({ url, attempt }) {
    await using lock = new RedisLock(url, "nightly", SLOW);
    for (const shared of [false, true]) {
      const guard = await lock.acquire({ shared });
      const ticket = await attempt(() => guard.detach());
      assert.equal(guard.held, ticket === undefined);
      await (ticket === undefined ? guard : await lock.attach(ticket)).release();
    }
  },
  async "attach to a hold"({ url, attempt }) {
    await using lock = new RedisLock(url, "nightly", SLOW);
    for (const shared of [false, true]) {
      const ticket = await (await lock.acquire({ shared })).detach();
      const guard = await attempt(() => lock.attach(ticket));
      await (guard ?? await lock.attach(ticket)).release();
    }
  },
  async "acquire several names"({ url, admin, attempt }) {
    await using lock = new RedisLock(url, ["nightly", "weekly"], SLOW);
    const guard = await attempt(() => lock.acquire());
    const keys = ["interlock:{nightly}:lock", "interlock:{weekly}:lock"];
    assert.equal(await admin.send("EXISTS", ...keys), guard === undefined ? 0 : 2);
    await guard?.release();
  },
  async "wait for several names"({ url, admin, attempt }) {
    await using holder = new RedisLock(admin, "weekly", SLOW);
    await using lock = new RedisLock(url, ["nightly", "weekly"], SLOW);
    const held = await holder.acquire();
    const queue = "interlock:{weekly}:queue";
    const guard = await attempt(() =>
      afterWaiting(admin, queue, lock.acquire(), () => held.release())
    );
    if (guard === undefined) await held.release().catch(() => {}); // Before or after the refusal.
    await guard?.release();
    assert.equal(await admin.send("EXISTS", "interlock:{nightly}:lock"), 0);
  },
  async "lead"({ url, attempt }) {
    await using lock = new RedisLock(url, "nightly", SLOW);
    const stop = new AbortController();
    await attempt(() => elect(lock, () => stop.abort(), { signal: stop.signal }));
  },
  async "hold with replicas"({ url, admin, attempt }) {
    const replicas = { count: 1, timeout: LONG_MS };
    await using lock = new RedisLock(url, "nightly", { ...SLOW, replicas });
    const guard = await attempt(() => lock.acquire());
    if (guard === undefined) {
      assert.equal(await admin.send("EXISTS", "interlock:{nightly}:lock"), 0);
    }
    await guard?.release();
  },
};

/** Rights that these need beside those of all. */
const ALSO_NEEDED: Readonly<Record<string, readonly string[]>> = {
  "detach a hold": ["+hget", "+zadd", "+zrem"],
  "attach to a hold": ["+hget", "+zadd", "+zrem"],
  "acquire several names": ["~interlock:{weekly}:*", "+hmget"],
  "wait for several names": ["~interlock:{weekly}:*", "+zadd", "+zcount"],
  "hold with replicas": ["+wait"],
};

describe("a user who loses a right", { skip }, () => {
  let server: RedisServer;
  let replica: RedisServer;
  let admin: RedisAdapter;
  before(async () => {
    server = await RedisServer.start({ config: ["--repl-diskless-sync-delay", "0"] });
    replica = await RedisServer.start({ replicaOf: server.port });
    admin = adapterOf(server.url, { commandTimeout: LONG_MS });
    await until("the replica", async () => {
      return /state=online/.test(String(await admin.send("INFO", "replication")));
    });
  });
  after(async () => {
    await admin?.close();
    await Promise.all([server, replica].map((one) => one?.[Symbol.asyncDispose]()));
  });

  const [needed, helpful] = rightsOf("RedisLock");
  const [key, channel] = [needed[0], helpful[0]].map((right) => right.replace("nightly", "weekly"));
  const rights = [...needed, ...helpful, key, channel, "+wait"];
  const give = (all: readonly string[]) =>
    admin.send("ACL", "SETUSER", "app", "reset", "on", ">pw", ...all);

  for (const [what, use] of Object.entries(OPERATIONS)) {
    it(`is told so, and nothing has changed: ${what}`, DEADLINE, async () => {
      const url = server.url.replace("redis://", "redis://app:pw@");
      const refused: string[] = [];
      for (const right of ["", ...rights]) {
        await admin.send("FLUSHALL");
        await give(rights);
        const attempt = async <T>(operation: () => Promise<T>): Promise<T | undefined> => {
          await give(rights.filter((other) => other !== right));
          try {
            return await operation();
          } catch (error) {
            assertRefused(error, right);
            refused.push(right);
            return undefined;
          } finally {
            await give(rights);
          }
        };
        await use({ url, admin, attempt }).catch((error) => {
          throw new Error(`${what} without ${right || "nothing"}: ${error}`, { cause: error });
        });
      }
      for (const right of ["+eval", "+set", needed[0], ...ALSO_NEEDED[what] ?? []]) {
        assert.ok(refused.includes(right), `not refused without ${right}: ${refused}`);
      }
    });
  }
});
