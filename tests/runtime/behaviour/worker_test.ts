import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Child } from "../../support/child.ts";
import { withThreads } from "../../support/thread.ts";

describe("A worker", () => {
  it(
    "gets messages that were sent before its module had loaded, in order",
    { timeout: 60_000 },
    () => {
      const module = new URL("../fixtures/late_worker.ts", import.meta.url);
      return withThreads(1, module, async ([thread]) => {
        for (let i = 0; i < 3; i++) thread.post(i);
        for (let i = 0; i < 3; i++) assert.equal(await thread.next(), i);
        thread.post("more");
        assert.equal(await thread.next(), "more");
      });
    },
  );

  for (const end of ["exit", "terminate"]) {
    it(`can be ended by ${end} while its module runs`, { timeout: 60_000 }, async () => {
      const process = new URL("../fixtures/ending_process.ts", import.meta.url);
      const { code, signal, stderr } = await Child.here(process, end).ended;
      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: "" });
    });
  }
});
