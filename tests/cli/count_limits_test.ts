import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkPossible, defaultsOn, leftOutOn } from "../../cli/count_limits.ts";
import { parseCount } from "../../src/counting/config.ts";
import { STRATEGY_NAMES } from "../../src/counting/strategies/names.ts";

describe("A count on a system other than Linux", () => {
  const check = (input: object, platform: string) =>
    checkPossible(parseCount({ ...defaultsOn(platform), ...input }, "a test"), platform);

  it("runs in workers what needs neither files nor processes", () => {
    for (const name of STRATEGY_NAMES) assert.equal(leftOutOn(name, "linux"), undefined);
    check({ unit: "process", runtimes: ["deno", "node"] }, "linux");
    for (const platform of ["win32", "darwin"]) {
      const out = STRATEGY_NAMES.filter((name) => leftOutOn(name, platform) !== undefined);
      assert.deepEqual(out, ["file", "file-lock"]);
      check({}, platform);
      check({ strategies: ["atomic"], runtimes: ["node"] }, platform);
    }
  });

  it("refuses what is asked for and cannot run", () => {
    for (
      const [input, words] of [
        [{ unit: "process" }, /processes on win32: processes share memory on Linux only/],
        [{ runtimes: ["deno", "node"] }, /several runtimes on win32.*Use --unit worker and one/],
        [{ strategies: ["file-lock", "atomic"] }, /Cannot run file-lock on win32/],
      ] as const
    ) assert.throws(() => check(input, "win32"), { name: "UsageError", message: words });
  });
});
