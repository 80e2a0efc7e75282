import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { besideKey, partOf } from "../../src/redis/names.ts";
import { adapterOf, type RedisAdapter } from "../../src/redis/mod.ts";
import { RedisServer, skip } from "../support/redis_server.ts";

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
        assert.equal(await slot(besideKey(key, "operation")), await slot(key), key);
      }
    } finally {
      await adapter.close();
    }
  });

  it("say what they are of", () => {
    assert.equal(partOf("jobs", "lock"), "interlock:{jobs}:lock");
    assert.equal(partOf("jobs", "lock", "mine"), "mine:{jobs}:lock");
    assert.equal(besideKey("visits", "operation"), "interlock:{visits}:operation");
    assert.notEqual(besideKey("a{x}", "operation"), besideKey("b{x}", "operation"));
  });

  it("refuses those that cannot be", () => {
    for (const name of ["", "}", "}a", 7 as unknown as string]) {
      assert.throws(() => partOf(name, "lock"), TypeError);
    }
    assert.throws(() => partOf("jobs", "lock", "a{b"), TypeError);
  });
});
