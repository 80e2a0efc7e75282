import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defaultsOn, strategiesOn } from "../../cli/count_limits.ts";
import { parseCount } from "../../src/counting/config.ts";
import { STRATEGY_NAMES } from "../../src/counting/strategies/names.ts";

describe("A count on a system other than Linux", () => {
  const counted = (input: object, platform: string) => {
    const skipped: string[] = [];
    const config = parseCount({ ...defaultsOn(platform), ...input }, "a test");
    return { names: strategiesOn(config, (reason) => skipped.push(reason), platform), skipped };
  };

  it("runs in workers what needs neither files nor processes, and names the rest", () => {
    assert.deepEqual(counted({}, "linux"), { names: STRATEGY_NAMES, skipped: [] });
    for (const platform of ["win32", "darwin"]) {
      const { names, skipped } = counted({}, platform);
      assert.deepEqual(names, STRATEGY_NAMES.filter((name) => !name.startsWith("file")));
      assert.deepEqual(skipped, [
        `file, file-lock on ${platform}: the text file is for Linux only`,
      ]);
      const atomic = counted({ strategies: ["atomic"], runtimes: ["node"] }, platform);
      assert.deepEqual(atomic, { names: ["atomic"], skipped: [] });
    }
  });

  it("refuses what is asked for and cannot run", () => {
    for (
      const [input, words] of [
        [{ unit: "process" }, /processes on win32: processes share memory on Linux only/],
        [{ runtimes: ["deno", "node"] }, /several runtimes on win32.*Use --unit worker and one/],
        [{ strategies: ["file-lock", "atomic"] }, /Cannot run file-lock on win32/],
      ] as const
    ) assert.throws(() => counted(input, "win32"), { name: "UsageError", message: words });
  });
});
