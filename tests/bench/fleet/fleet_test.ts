import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { startFleet } from "../../../bench/fleet/fleet.ts";
import { makeSite } from "../../../bench/site.ts";
import { adapter } from "../../../src/runtime/mod.ts";

const { name, version } = adapter;
const runtimes = [{ name, version, path: process.execPath }];
const ADD = { subject: "atomics", operation: "add", by: "interlock" };
const never = new AbortController().signal;

describe("a fleet", () => {
  for (const threads of [false, true]) {
    it(`of two ${threads ? "workers" : "processes"} counts what both did`, async () => {
      using site = makeSite();
      using fleet = await startFleet(
        { runtimes, threads, size: 2, site, jobs: 2, mapped: !threads },
        never,
      );
      for (const index of [0, 1]) {
        const how = { lead: 1e6, window: 300e6 };
        const [one, other] = await fleet.do({ index, row: ADD, how });
        assert.equal(one.total, one.count!.done + other.count!.done);
        assert.ok(one.total! > 0);
        assert.equal(other.total, undefined, "the first says it");
      }
    });
  }

  it("measures one thread alone, and two that hand a lock to each other", async () => {
    using site = makeSite();
    using fleet = await startFleet(
      { runtimes, threads: false, size: 2, site, jobs: 2, mapped: true },
      never,
    );
    const [alone] = await fleet.do({ index: 0, row: ADD, how: { alone: 1e6 } });
    assert.ok(alone.ns! > 0);
    const row = { ...ADD, subject: "mutex", operation: "hand-off" };
    const reports = await fleet.do({ index: 1, row, how: { turns: 20 } });
    for (const { samples = [] } of reports) {
      assert.equal(samples.length, 10);
      assert.ok(samples.every((ns) => ns > 0), samples.join());
    }
  });

  it("breaks with a member's error, or the reason of its signal", async () => {
    using site = makeSite();
    const controller = new AbortController();
    const spec = { runtimes, threads: true, size: 1, site, jobs: 1, mapped: false };
    {
      using fleet = await startFleet(spec, never);
      const job = { index: 0, row: { ...ADD, operation: "none" }, how: { alone: 1 } };
      await assert.rejects(fleet.do(job), /one of 1 members \(.*Cannot find "none" by interlock/s);
      await assert.rejects(fleet.do(job), /Cannot find "none"/, "and stays broken");
    }
    controller.abort(new Error("enough"));
    await assert.rejects(startFleet(spec, controller.signal), /enough/);
  });
});
