import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withThreads } from "../support/thread.ts";

describe("A worker", () => {
  it("gets what it was sent before its module had loaded, in order", { timeout: 20_000 }, () => {
    const module = new URL("./fixtures/late_worker.ts", import.meta.url);
    return withThreads(1, module, async ([thread]) => {
      for (let i = 0; i < 3; i++) thread.post(i);
      for (let i = 0; i < 3; i++) assert.equal(await thread.next(), i);
      thread.post("more");
      assert.equal(await thread.next(), "more");
    });
  });
});
