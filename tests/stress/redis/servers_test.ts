import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { skip } from "../../support/redis_server.ts";
import { seeded, seededKills } from "../seeded.ts";
import { failOver, killHoldersOfPermits, troubleServers } from "./server_runs.ts";

const DEADLINE = { timeout: 110_000 };

describe("several servers, replicas and semaphores", { skip }, () => {
  it(
    "permits of killed holders are never granted twice, and come back",
    DEADLINE,
    seededKills(
      3,
      (folder, goesOn, seed) => killHoldersOfPermits(folder, 6, 3, goesOn, seed),
    ),
  );

  it(
    "a lock of three servers works while each of them is stopped or loses its data",
    DEADLINE,
    seeded(async (folder, seed) => {
      const { holds } = await troubleServers(folder, 3, 3, seed);
      assert.ok(holds > 3);
    }),
  );

  it(
    "a replica that is behind grants a lock twice; tokens save the data",
    DEADLINE,
    async () => {
      assert.deepEqual(await failOver(2), { heldTwice: 2, lost: 2, lostGuarded: 0, refused: 0 });
    },
  );

  it("with WAIT a hold counts only if the replica has it", DEADLINE, async () => {
    const replicas = { count: 1, timeout: 500 };
    assert.deepEqual(await failOver(1, replicas), {
      heldTwice: 0,
      lost: 0,
      lostGuarded: 0,
      refused: 1,
    });
  });
});
