import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  adapterOf,
  type RedisAdapter,
  RedisCounter,
  RedisLock,
  RedisSemaphore,
  RefusedError,
  type Script,
} from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import {
  BRANCHES,
  CHANNEL,
  contentsOf,
  prepare,
  type ScriptBranch,
  timeless,
} from "../script_branches.ts";
import { startServers } from "../suite.ts";

const DEADLINE = { timeout: 60_000 };

/** The commands that a script calls, but PUBSUB: without it, a script only asks more often. */
function commandsOf({ source }: Script): string[] {
  const found = source.matchAll(/call(?:\(|,\s*)'([A-Z]+)'/g);
  const commands = new Set(Array.from(found, ([, command]) => command));
  return [...commands].filter((command) => command !== "PUBSUB");
}

describe("a script whose user lacks one right", { skip }, () => {
  let server: RedisServer;
  let admin: RedisAdapter;
  let user: RedisAdapter;
  before(async () => {
    server = await RedisServer.start();
    admin = adapterOf(server.url);
    await admin.send("ACL", "SETUSER", "user", "on", ">pw", "~*", "&*", "+@all");
    user = adapterOf(server.url.replace("redis://", "redis://user:pw@"));
    await admin.subscribe(CHANNEL, () => {});
  });
  after(async () => {
    await user.close();
    await admin.close();
    await server[Symbol.asyncDispose]();
  });

  const run = ({ script, keys, args }: ScriptBranch, as = user) => script.run(as, keys, args);

  for (const [title, branch] of Object.entries(BRANCHES)) {
    it(`${title}: all or nothing`, DEADLINE, async () => {
      await prepare(admin, branch);
      const reply = timeless(await run(branch, admin));
      const done = timeless(await contentsOf(admin));
      let denials = 0;
      for (const command of commandsOf(branch.script)) {
        await prepare(admin, branch);
        const untouched = await contentsOf(admin);
        await admin.send("ACL", "SETUSER", "user", "+@all", `-${command.toLowerCase()}`);
        try {
          assert.equal(timeless(await run(branch)), reply, command);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          assert.match(String(error), /NOPERM|ERR The user executing the script/, command);
          assert.equal(await contentsOf(admin), untouched, `written before ${command} was refused`);
          denials++;
        }
        await admin.send("ACL", "SETUSER", "user", "+@all");
        if (await contentsOf(admin) === untouched) {
          assert.equal(timeless(await run(branch)), reply, command);
        }
        assert.equal(timeless(await contentsOf(admin)), done, command);
      }
      assert.ok(denials > 0, "no right was needed");
    });
  }

  it("reports the missing right, and works when it is given", DEADLINE, async () => {
    await admin.send("FLUSHALL");
    const url = server.url.replace("redis://", "redis://user:pw@");
    const isRefused = (error: unknown) => {
      assert.ok(error instanceof RefusedError && error.code === "NOPERM", String(error));
      assert.match(error.message, /ACL SETUSER/);
      return true;
    };
    await using counter = new RedisCounter(url, "n", { expireAfter: 60_000 });
    await using lock = new RedisLock(url, "n");
    await using semaphore = new RedisSemaphore(url, "n", 2);
    for (const command of ["set", "pexpire", "get", "incrby"]) {
      await admin.send("ACL", "SETUSER", "user", "+@all", `-${command}`);
      await assert.rejects(counter.add(1, { operation: "a" }), isRefused);
    }
    for (const command of ["hset", "hmget", "time", "del", "hdel"]) {
      await admin.send("ACL", "SETUSER", "user", "+@all", `-${command}`);
      await assert.rejects(lock.acquire(), isRefused);
      await assert.rejects(lock.tryAcquire(), isRefused);
    }
    for (const command of ["hset", "zadd", "zrem", "pexpire"]) {
      await admin.send("ACL", "SETUSER", "user", "+@all", `-${command}`);
      await assert.rejects(semaphore.acquire(), isRefused);
    }
    assert.deepEqual(await admin.send("KEYS", "*"), []);
    await admin.send("ACL", "SETUSER", "user", "+@all");
    assert.equal(await counter.add(1, { operation: "a" }), 1);
    assert.ok(Number(await admin.send("PTTL", "n")) > 0);
    await (await lock.tryAcquire())!.release();
    await (await semaphore.tryAcquire())!.release();
  });
});

describe("a script with a key of another type", { skip }, () => {
  const suite = startServers();

  for (const [title, { script, keys, args, there = [] }] of Object.entries(BRANCHES)) {
    it(`${title}: all or nothing`, DEADLINE, async () => {
      for (const foreign of keys) {
        await suite.redis.send("FLUSHALL");
        for (const [command, ...rest] of there) {
          if (rest[0] !== foreign) await suite.redis.send(command, ...rest);
        }
        await suite.redis.send("RPUSH", foreign, "not ours");
        const kinds = () => Promise.all(keys.map((key) => suite.redis.send("TYPE", key)));
        const types = await kinds();
        const dumps = () => Promise.all(keys.map((key) => suite.redis.send("DUMP", key)));
        const contents = await dumps();
        try {
          await script.run(suite.redis, keys, args);
        } catch (error) {
          assert.match(String(error), /WRONGTYPE/, foreign);
          assert.deepEqual(await kinds(), types, foreign);
          assert.deepEqual(await dumps(), contents, `written before ${foreign} was read`);
        }
        assert.deepEqual(await suite.redis.send("LRANGE", foreign, "0", "-1"), ["not ours"]);
      }
    });
  }
});

describe("a script that the server refuses", { skip }, () => {
  const suite = startServers();

  const reasons = [
    ["OOM", "maxmemory", "1", "0"],
    ["NOREPLICAS", "min-replicas-to-write", "1", "0"],
  ];
  for (const [code, setting, on, off] of reasons) {
    for (const [title, branch] of Object.entries(BRANCHES)) {
      it(`${title}, or says ${code} and does nothing`, DEADLINE, async () => {
        const { script, keys, args } = branch;
        await prepare(suite.redis, branch);
        const reply = timeless(await script.run(suite.redis, keys, args));
        const done = timeless(await contentsOf(suite.redis));
        await prepare(suite.redis, branch);
        const untouched = await contentsOf(suite.redis);
        await suite.redis.send("CONFIG", "SET", setting, on);
        try {
          assert.equal(timeless(await script.run(suite.redis, keys, args)), reply);
          assert.equal(timeless(await contentsOf(suite.redis)), done);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          assert.match(String(error), new RegExp(code));
          assert.equal(await contentsOf(suite.redis), untouched);
          assert.ok(!/^(renews|releases|withdraws)/.test(title) || code !== "OOM", title);
        } finally {
          await suite.redis.send("CONFIG", "SET", setting, off);
        }
      });
    }
  }

  it("says that it is a replica, and does nothing", DEADLINE, async () => {
    await using replica = await RedisServer.start({ replicaOf: suite.server.port });
    const lock = new RedisLock(replica.url, "n");
    const semaphore = new RedisSemaphore(replica.url, "n", 1);
    try {
      const isReplica = (error: unknown) => {
        assert.ok(error instanceof RefusedError && error.code === "READONLY", String(error));
        return true;
      };
      const refused = [lock.acquire(), lock.tryAcquire(), semaphore.acquire()];
      await Promise.all(refused.map((promise) => assert.rejects(promise, isReplica)));
    } finally {
      await Promise.all([lock, semaphore].map((one) => one.close()));
    }
  });
});
