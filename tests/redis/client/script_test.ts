import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UnsupportedError } from "../../../src/contract/mod.ts";
import { deleteIfEqual } from "../../../src/redis/client/script.ts";
import { adapterOf, type RedisAdapter, Script } from "../../../src/redis/mod.ts";
import { skip } from "../../support/redis_server.ts";
import { until } from "../../support/until.ts";
import { addUserWithoutScripts, startServers } from "../suite.ts";

describe("Script", { skip }, () => {
  const script = new Script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}");
  const suite = startServers();

  it("runs by its source once, and then by its digest", async () => {
    const commands: string[] = [];
    const spy: RedisAdapter = {
      ...suite.redis,
      send: (command, ...args) => {
        commands.push(command);
        return suite.redis.send(command, ...args);
      },
    };
    const run = () => script.run(spy, ["k"], ["a"]);
    assert.deepEqual(await run(), ["k", "a", 1]);
    assert.deepEqual(commands, ["EVAL"]);
    await until("the digest", async () => await run() && commands.at(-1) === "EVALSHA");
    await suite.redis.send("SCRIPT", "FLUSH");
    const runs = commands.length;
    assert.deepEqual(await run(), ["k", "a", runs + 1]);
    assert.deepEqual(commands.slice(runs), ["EVALSHA", "EVAL"]);
  });

  it("is sent before it returns, also the first time", async () => {
    await suite.redis.send("SET", "first", "5");
    const fresh = new Script("return redis.call('INCR', KEYS[1])");
    const asked = [fresh.run(suite.redis, ["first"], []), suite.redis.send("GET", "first")];
    assert.deepEqual(await Promise.all(asked), [6, "6"]);
  });

  it("says that scripts are not allowed, or works without", async () => {
    await addUserWithoutScripts(suite.redis);
    const plain = adapterOf(suite.server.url.replace("//", "//plain:pw@"));
    try {
      await assert.rejects(script.run(plain, ["k"], ["a"]), (error: unknown) => {
        assert.ok(error instanceof UnsupportedError, String(error));
        assert.match(error.message, /NOPERM.*ACL SETUSER/);
        return true;
      });
      const without = new Script(script.source, (its, [key]) => its.send("INCR", key));
      assert.equal(await without.run(plain, ["other"], []), 1);
      // This server has neither of the commands.
      await assert.rejects(deleteIfEqual(plain, "k", "1"), UnsupportedError);
    } finally {
      await plain.close();
    }
  });

  it("does not change errors of the script", async () => {
    const broken = new Script("return redis.call('INCR', KEYS[1])");
    await suite.redis.send("RPUSH", "list", "1");
    await assert.rejects(broken.run(suite.redis, ["list"], []), { message: /^WRONGTYPE / });
    await assert.rejects(new Script("return nonsense(").run(suite.redis, [], []), {
      message: /^ERR .*compiling/,
    });
  });
});
