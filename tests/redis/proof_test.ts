import { describe, it } from "node:test";
import { skip } from "../support/redis_server.ts";
import { addTogether } from "./fixtures/rounds.ts";

describe("processes of all runtimes that add together on Redis", { skip }, () => {
  it("are exact", async () => {
    await addTogether(3, 200, "plain", false);
  });

  it("get each ticket once", async () => {
    await addTogether(3, 200, "tickets", false);
  });

  it("are exact with named adds, though the server is killed meanwhile", async () => {
    await addTogether(3, 150, "named", true);
  });

  it("are told what may have happened of plain ones", async () => {
    await addTogether(3, 150, "plain", true);
  });
});
