import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { adapterOf } from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";
import { interlock } from "../interlock.ts";

const SMALL = ["--workers", "2", "--increments", "20", "--json"];

describe("interlock count on Redis", () => {
  it("counts on a given server and leaves no key there", { skip }, async () => {
    await using server = await RedisServer.start({ password: "secret" });
    const args = [
      "count",
      "redis",
      "redis-lock",
      "redis-coalesced",
      ...SMALL,
      "--redis",
      server.url,
    ];
    const { status, stdout, stderr } = await interlock(args);
    assert.equal(status, 0, stderr);
    const results = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(results.map(({ actual }) => actual), [40, 40, 40]);
    const adapter = adapterOf(server.url);
    assert.deepEqual(await adapter.send("KEYS", "*"), []);
    const stats = String(await adapter.send("INFO", "commandstats"));
    assert.ok(Number(/cmdstat_incrby:calls=(\d+)/.exec(stats)?.[1]) >= 40, stats);
    await adapter.close();
  });

  it("reports a server that cannot be reached", async () => {
    const args = ["count", "redis", ...SMALL, "--redis", "redis://127.0.0.1:1"];
    const { status, stderr } = await interlock(args);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /Cannot count on Redis at 127\.0\.0\.1:1: .*ECONNREFUSED/);
  });

  it("leaves out strategies without a server, says so, and runs the rest", async () => {
    const nowhere = { PATH: "/nonexistent" };
    const some = await interlock(["count", "atomic", "redis", "redis-get-set", ...SMALL], nowhere);
    assert.equal(some.status, 0, some.stderr);
    assert.equal(JSON.parse(some.stdout).strategy, "atomic");
    assert.match(
      some.stderr,
      /^Skipping redis, redis-get-set: neither redis-server .*apt-get install redis-server.*--redis URL/m,
    );
    const table = [...SMALL.slice(0, -1), "--unit", "worker"];
    const shown = await interlock(["count", "atomic", "redis", ...table], nowhere);
    assert.equal(shown.status, 0, shown.stderr);
    assert.equal(shown.stderr, "");
    assert.match(shown.stdout, /^redis +left out: no redis-server$/m);
    const none = await interlock(["count", "redis", ...SMALL], nowhere);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /Cannot run redis: neither/);
  });
});
