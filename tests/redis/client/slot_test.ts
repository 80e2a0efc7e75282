import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { slotOf } from "../../../src/redis/client/slot.ts";
import { adapterOf } from "../../../src/redis/mod.ts";
import { RedisServer, skip } from "../../support/redis_server.ts";

describe("slotOf", { skip }, () => {
  it("gives the slot that the server gives", async () => {
    await using server = await RedisServer.start({ config: ["--cluster-enabled", "yes"] });
    const adapter = adapterOf(server.url);
    try {
      for (
        const key of ["", "jobs", "a:{b}:c", "{b}", "{b", "a{}", "a{}{b}", "{{b}}", "ä{€}", "😀"]
      ) {
        assert.equal(slotOf(key), await adapter.send("CLUSTER", "KEYSLOT", key), key);
      }
    } finally {
      await adapter.close();
    }
  });
});
