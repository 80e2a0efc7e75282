import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { adapter } from "../../../src/runtime/mod.ts";
import { executableOf, RUN } from "../../support/child.ts";
import { StartedUnder } from "../../support/started_under.ts";
import { until } from "../../support/until.ts";
import { RUNTIMES, withAgents } from "../fixtures/lock_agents.ts";

const LIMIT = { timeout: 60_000 };
const PROCESS = fileURLToPath(new URL("../fixtures/agent_process.ts", import.meta.url));
const HERE = [executableOf(adapter.name)!, ...RUN[adapter.name], PROCESS];
const mayUnshare = spawnSync("unshare", ["--pid", "--fork", "true"]).status === 0;
const skip = mayUnshare ? false : "unshare --pid needs root, or is not there: NOT TESTED";

describe("A mutex whose holder became another program", () => {
  for (const name of RUNTIMES) {
    it(
      `goes to the next caller, though a process of its number lives: ${name}`,
      LIMIT,
      withAgents(async (group) => {
        const holder = await group.process(name);
        const { pid } = holder.child;
        for (const i of [0, 1]) await holder.take(i);
        assert.equal(group.mutex(0).tryAcquire(), undefined);
        holder.tell({ act: "exec" });
        const isSleep = () => readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n";
        await until("another program", isSleep);
        using guard = group.mutex(0).acquireSync({ timeout: 20_000 });
        assert.deepEqual([guard.recovered, guard.previousOwner?.pid], [true, pid]);
        assert.equal(isSleep(), true, "it has ended");
        const found = group.memory.threads().find(({ owner }) => owner.pid === pid);
        assert.equal(found?.isGone, true);
      }),
    );
  }

  it(
    "goes to that program, too, which has the same thread number and start time",
    LIMIT,
    withAgents(async (group) => {
      const holder = await group.process();
      await holder.take(0);
      holder.tell({ act: "exec", program: [...HERE, group.path] });
      assert.equal(await holder.child.line(), "ready");
      const taken = await holder.take(0, "timed", { timeout: 20_000 });
      assert.deepEqual([taken.error, taken.recovered], [undefined, true]);
    }),
  );

  it(
    "goes to the next caller in another PID namespace",
    { ...LIMIT, skip },
    withAgents(async (group) => {
      const holder = await group.process();
      await holder.take(0);
      await using there = new StartedUnder("unshare", [
        "--pid",
        "--fork",
        "--mount-proc",
        ...HERE,
        group.path,
      ]);
      assert.equal(await there.line(), "ready");
      const take = { act: "take", mutex: 0, way: "timed" };
      assert.equal((await there.do({ ...take, timeout: 100 })).error, "TimeoutError");
      holder.tell({ act: "exec" });
      assert.equal((await there.do({ ...take, timeout: 20_000 })).recovered, true);
    }),
  );
});
