import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { resultsSchema } from "../../bench/results.ts";
import { adapter } from "../../src/runtime/mod.ts";

const run = promisify(execFile);
const ENTRY = fileURLToPath(new URL("../../bench/run.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ARGS = { deno: ["run", "--quiet", "-A"], bun: [], node: [] }[adapter.name];

function bench(...args: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  return run(process.execPath, [...ARGS, ENTRY, ...args], { cwd: ROOT, env, timeout: 55_000 });
}

describe("deno task bench", () => {
  it("measures the rows of a filter, alone and together, and prints valid results", async () => {
    const filter = `^atomics/add/interlock/${adapter.name}/.*(alone/1|/4)$`;
    const { stdout } = await bench(
      ...["--quick", "--runtime", adapter.name, "--filter", filter],
      ...["--json", "--no-save"],
    );
    const results = resultsSchema.parse(JSON.parse(stdout));
    assert.deepEqual(results.rows.map(({ id }) => id), [
      `atomics/add/interlock/${adapter.name}/mapped/alone/1`,
      `atomics/add/interlock/${adapter.name}/anonymous/workers/4`,
      `atomics/add/interlock/${adapter.name}/mapped/processes/4`,
    ]);
    assert.ok(results.rows.every(({ rounds }) => rounds.length === 1));
    assert.equal(results.versions[adapter.name], adapter.version);
    assert.deepEqual([results.mode, results.filter], ["quick", filter]);
  });

  it("ends with 2 after a wrong option, and with 1 without rows", async () => {
    await assert.rejects(bench("--runtime", "deno", "rhino"), { code: 2 });
    await assert.rejects(bench("--filter", "("), { code: 2 });
    await assert.rejects(bench("--filter", "^nothing at all$"), (error: Error) => {
      assert.equal((error as Error & { code: number }).code, 1);
      assert.match((error as Error & { stderr: string }).stderr, /no row matches/);
      return true;
    });
  });
});
