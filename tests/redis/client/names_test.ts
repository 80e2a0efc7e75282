import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { operationKey, partOf } from "../../../src/redis/client/names.ts";
import { adapterOf, type RedisAdapter, RedisCounter } from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";

describe("names", () => {
  it("are in one slot, by a hash tag", { skip }, async () => {
    await using server = await RedisServer.start({ config: ["--cluster-enabled", "yes"] });
    const adapter: RedisAdapter = adapterOf(server.url);
    try {
      const slot = (key: string) => adapter.send("CLUSTER", "KEYSLOT", key);
      for (const name of ["jobs", "a b", "{", "a}b", "{x}", "ä{", "{}"]) {
        assert.equal(await slot(partOf(name, "lock")), await slot(partOf(name, "token")), name);
      }
      for (const key of ["jobs", "a:{b}:c", "{b}", "a{b}{c}", "{{b}}", "a{", "ä"]) {
        assert.equal(await slot(operationKey(key, "today:7")), await slot(key), key);
      }
    } finally {
      await adapter.close();
    }
  });

  it("contain the name of the object", () => {
    assert.equal(partOf("jobs", "lock"), "interlock:{jobs}:lock");
    assert.equal(partOf("jobs", "lock", "mine"), "mine:{jobs}:lock");
    assert.equal(operationKey("visits", "7"), "interlock:operation:6:{visits}:6:visits:7");
    assert.notEqual(operationKey("a{x}", "1"), operationKey("b{x}", "1"));
  });

  it("differ for each pair of a key and an operation, whatever they contain", () => {
    const texts = ["", "a", "}", "{a}", "a}", ":", "a:", ":operation:", "1:", "@", "0", "{a"];
    const pairs = new Map<string, string>();
    for (const first of texts) {
      for (const second of texts) {
        for (const third of texts) {
          for (const operation of texts) {
            const key = first + second + third;
            if (key === "" || key.startsWith("}") || operation === "") continue;
            const pair = JSON.stringify([key, operation]);
            const name = operationKey(key, operation);
            assert.equal(pairs.get(name) ?? pair, pair, name);
            pairs.set(name, pair);
          }
        }
      }
    }
    for (const pair of ["visits}:operation:1:", "6:{visits}:6:visits:1"]) {
      assert.ok(!pairs.has(partOf(pair, "lock")));
    }
  });

  it("refuses unusable names", () => {
    for (const name of ["", "}", "}a", 7 as unknown as string]) {
      assert.throws(() => partOf(name, "lock"), TypeError);
    }
    assert.throws(() => partOf("jobs", "lock", "a{b"), TypeError);
  });

  it("refuses lone surrogates, which would become the same text", () => {
    for (const half of ["a\ud800", "\udc00"]) {
      assert.throws(() => partOf(half, "lock"), TypeError);
      assert.throws(() => operationKey("visits", half), TypeError);
      assert.throws(() => operationKey(half, "1"), TypeError);
      assert.throws(() => operationKey("visits", "1", half), TypeError);
      assert.throws(() => new RedisCounter("redis://127.0.0.1:1", half), TypeError);
    }
  });
});
