import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RuntimeName } from "../../../src/runtime/mod.ts";
import { Child, executableOf, RUN } from "../../support/child.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const WITHOUT_FFI = "--no-experimental-ffi";
const PERMISSIONS = ["--permission", "--allow-fs-read=*"];
const PROCESS = new URL("../fixtures/koffi_process.ts", import.meta.url);
const skip = executableOf("node") === undefined && "INTERLOCK_NODE is not set";

/** Tests that pass without `node:ffi` as well. */
const TESTS = ["port_test.ts", "../files/mapping_test.ts", "../threads/helper_test.ts"];

describe("koffi in Node", { skip }, () => {
  for (const path of TESTS) {
    it(`passes ${path}`, DEADLINE, async () => {
      const test = fileURLToPath(new URL(path, import.meta.url));
      // Not as a part of this test, if Node runs it.
      const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
      const options = { env, encoding: "utf8" } as const;
      const { stdout } = await promisify(execFile)(
        executableOf("node")!,
        [WITHOUT_FFI, test],
        options,
      );
      assert.match(stdout, /^\S+ pass [1-9]/m);
      assert.match(stdout, /^\S+ fail 0$/m);
    });
  }
});

describe("koffi in Node", { skip }, () => {
  it(
    "is found if the working directory of a text that Node runs was removed",
    DEADLINE,
    () =>
      inScratchFolder(async (folder) => {
        const library = new URL("../../../src/runtime/mod.ts", import.meta.url).href;
        const program = `import("${library}").then(({ libc }) => console.log(libc.getpid()))`;
        const { stdout } = await promisify(execFile)("sh", [
          "-c",
          'cd "$1" && rmdir "$1" && exec "$2" "$3" -e "$4"',
          "sh",
          folder,
          executableOf("node")!,
          WITHOUT_FFI,
          program,
        ]);
        assert.match(stdout, /^\d+\n$/);
      }),
  );
});

const USES: readonly (readonly [RuntimeName, readonly string[], boolean])[] = [
  ["deno", [], false],
  ["bun", [], false],
  ["node", [], false],
  ["node", [...PERMISSIONS, "--allow-ffi"], false],
  ["node", [...PERMISSIONS, "--allow-ffi", "--allow-addons"], false],
  ["node", [...PERMISSIONS, "--allow-addons"], true],
  ["node", [WITHOUT_FFI], true],
];

describe("koffi is loaded only if Node cannot use node:ffi:", () => {
  for (const [name, flags, expected] of USES) {
    const executable = executableOf(name);
    const skip = executable === undefined && `INTERLOCK_${name.toUpperCase()} is not set`;
    it([name, ...flags].join(" "), { ...DEADLINE, skip }, () =>
      inScratchFolder(async (folder) => {
        const path = join(folder, "lock");
        await using child = new Child(executable!, [...RUN[name], ...flags], PROCESS, [path]);
        assert.deepEqual(JSON.parse(await child.line()), { held: true, koffi: expected });
      }));
  }
});
