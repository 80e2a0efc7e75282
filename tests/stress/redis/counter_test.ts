import { describe, it } from "node:test";
import { skip } from "../../support/redis_server.ts";
import { addTogether } from "./counter_runs.ts";

describe("processes of all runtimes that add to one counter", { skip }, () => {
  it("are exact", async () => {
    await addTogether(3, 200, "plain", false);
  });

  it("get each ticket once", async () => {
    await addTogether(3, 200, "tickets", false);
  });

  it("are exact with operations, even if the server is killed", async () => {
    await addTogether(3, 150, "named", true);
  });

  it("know which plain adds may have happened", async () => {
    await addTogether(3, 150, "plain", true);
  });
});
