import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RuntimeName } from "../../../src/runtime/mod.ts";
import { Child, executableOf, NODE_WITHOUT_C } from "../../support/child.ts";

const DEADLINE = { timeout: 60_000 };
const PROBE = new URL("../fixtures/without_ffi_process.ts", import.meta.url);
// With a permission at least: without any, Deno's `spawn` adds `-A` when it starts a Deno.
const DENO = ["run", "--quiet", "--no-config", "--no-lock", "--no-prompt"];

/** Ways to start a runtime without foreign functions, and words of the error. */
const STARTS: readonly {
  runtime: RuntimeName;
  args: readonly string[];
  says: readonly string[];
}[] = [
  { runtime: "deno", args: [...DENO, "--allow-read"], says: ["--allow-ffi"] },
  { runtime: "deno", args: [...DENO, "-A", "--deny-ffi"], says: ["--allow-ffi"] },
  {
    runtime: "node",
    args: NODE_WITHOUT_C,
    says: ["node:ffi", "koffi", "--no-addons", "--no-experimental-ffi"],
  },
  {
    runtime: "node",
    args: ["--permission", "--allow-fs-read=*"],
    says: ["--permission", "--allow-ffi"],
  },
];

for (const { runtime, args, says } of STARTS) {
  const executable = executableOf(runtime);
  const skip = executable === undefined && `INTERLOCK_${runtime.toUpperCase()} is not set`;
  describe(`${[runtime, ...args].join(" ")}`, { skip }, () => {
    it("lacks what needs C, names what is missing, and has the rest", DEADLINE, async () => {
      const child = new Child(executable!, args, PROBE, []);
      const report = JSON.parse(await child.line());
      const end = await child.ended;
      assert.equal(end.code, 0, end.stderr);
      for (const what of ["map", "lock"]) {
        const { name, unsupported, message } = report[what];
        assert.equal(unsupported, true, `${what}: ${name}: ${message}`);
        assert.equal(name, "UnsupportedError");
        for (const word of says) assert.ok(message.includes(word), `${what}: ${message}`);
        assert.match(message, /[Aa]nonymous memory/, what);
      }
      assert.deepEqual(report.anonymous, { counted: 3, excluded: true, failure: "DeadlockError" });
    });
  });
}
