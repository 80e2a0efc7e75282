import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { skip } from "../../support/redis_server.ts";
import { seeded } from "../seeded.ts";
import { guardThroughTroubles } from "./failover_runs.ts";
import { overlapsOf, type PromisedHold, tokensBack } from "./promise_log.ts";

const hold = (agent: number, token: number, from: number, to: number): PromisedHold => ({
  agent,
  token,
  spans: [{ from, to }],
});

describe("the detector of holds", () => {
  it("counts the holds that were promised at the same time", () => {
    const apart = [hold(0, 1, 0, 1e6), hold(1, 2, 1e6, 2e6)];
    assert.deepEqual(overlapsOf(apart), { pairs: 0, longest: 0 });
    const both = [hold(0, 1, 0, 9e6), hold(1, 2, 2e6, 5e6), hold(2, 3, 6e6, 7e6)];
    assert.deepEqual(overlapsOf(both), { pairs: 2, longest: 3 });
  });

  it("finds the token that is not greater than that of a hold before", () => {
    assert.deepEqual(tokensBack([hold(0, 1, 0, 5), hold(1, 3, 2, 3), hold(0, 2, 4, 6)]), [
      hold(0, 2, 4, 6),
    ]);
    assert.deepEqual(tokensBack([hold(0, 1, 0, 5), hold(1, 3, 2, 6), hold(0, 2, 4, 6)]), []);
  });
});

describe("a lock whose servers and clients are in trouble", { skip }, () => {
  it(
    "is held by one client, with growing tokens",
    { timeout: 110_000 },
    seeded(async (folder, seed) => {
      const { holds } = await guardThroughTroubles(folder, "one server", (i) => i < 2, seed);
      assert.ok(holds > 1);
    }),
  );
});
