import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { isBuiltin } from "node:module";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { adapter } from "../../../src/runtime/mod.ts";
import { Child, RUN } from "../../support/child.ts";
import { Program } from "../../support/program.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
/** How long an idle process may take to end, in milliseconds. */
const END = 4500;
const WITHOUT_HELPER = new URL("../fixtures/without_helper_process.ts", import.meta.url);
const ENDING = new URL("../fixtures/ending_helpers_process.ts", import.meta.url);
/** Bun's compiler starts threads under load, and ends the process if it cannot. */
const ENGINE = "BUN_JSC_useConcurrentJIT=0";
const FREE = [0, 1, 2, 3, 4, 5, 6, 7, 8, 63, 64, 65];

/** The flags that the README requires, if a runtime has permissions. */
const PERMISSIONS: Readonly<Record<string, readonly string[] | undefined>> = {
  deno: ["run", "--quiet", "--no-config", "--no-lock", "--allow-ffi"],
  node: [
    // Node 22.12 has the older name.
    process.allowedNodeEnvironmentFlags?.has("--permission")
      ? "--permission"
      : "--experimental-permission",
    isBuiltin("node:ffi") ? "--allow-ffi" : "--allow-addons",
    "--allow-fs-read=*",
  ],
};
const flags = PERMISSIONS[adapter.name];
/** Deno starts no helper in a folder whose name is not UTF-8. */
const IN_FOLDER = [
  "sh",
  "-c",
  `cd "$0" && d=$(printf 'caf\\351') && mkdir "$d" && cd "$d" && "$@"`,
];

/** Fails unless a child reports that it is done, and ends by itself without an error. */
async function assertDone(child: Child, noise = /^$/): Promise<void> {
  assert.equal(await child.line(), "done");
  const start = performance.now();
  const { code, signal, stderr } = await child.ended;
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
  assert.match(stderr, noise);
  assert.ok(performance.now() - start < END, `it took ${performance.now() - start} ms to end`);
}

describe("Tasks that wait without a helper thread are granted the lock, or nothing:", () => {
  for (const count of FREE) {
    it(`${count} descriptors are free`, DEADLINE, () =>
      inScratchFolder(async (folder) => {
        await using child = Child.here(WITHOUT_HELPER, folder, "descriptors", `${count}`);
        await assertDone(child);
      }));
  }

  for (const count of [0, 1, 2, 3]) {
    const { command, why } = asOrdinaryUser(count);
    it(
      `the user can start ${count} threads`,
      { ...DEADLINE, skip: why },
      () =>
        inScratchFolder(async (folder) => {
          chmodSync(folder, 0o777);
          const [program, ...rest] = command(folder);
          const limit = process.getuid!() === 0 ? `${count}` : "none";
          const args = [...rest, process.execPath, ...RUN[adapter.name]];
          await using child = new Child(program, args, WITHOUT_HELPER, [folder, "threads", limit]);
          await assertDone(child);
        }),
    );
  }

  if (flags !== undefined) {
    it(
      "the process may call C, and nothing else",
      DEADLINE,
      () =>
        inScratchFolder(async (folder) => {
          const [program, ...args] = [...IN_FOLDER, folder, process.execPath, ...flags];
          await using child = new Child(program, args, WITHOUT_HELPER, [folder, "none"]);
          await assertDone(child, /^$|SecurityWarning: The flag --allow-/);
        }),
    );
  }

  if (adapter.name === "deno") { // The other runtimes have no prompts.
    const skip = spawnSync("script", ["--version"]).status !== 0 &&
      "script(1) is MISSING: this was NOT TESTED";
    it(
      "Deno could ask for a permission at a terminal",
      { ...DEADLINE, skip },
      () =>
        inScratchFolder(async (folder) => {
          const command = [
            process.execPath,
            ...flags!,
            fileURLToPath(WITHOUT_HELPER),
            folder,
            "none",
          ];
          await using terminal = new Program(["script", "-qec", command.join(" "), "/dev/null"]);
          assert.equal((await terminal.line()).trim(), "done");
          assert.equal((await terminal.ended).code, 0);
        }),
    );
  }

  it("their helpers end", DEADLINE, () =>
    inScratchFolder(async (folder) => {
      await using child = Child.here(ENDING, folder);
      await assertDone(child);
    }));
});

/** Root may start any number of threads, so a user without other processes does. */
function asOrdinaryUser(
  count: number,
): { readonly command: (folder: string) => string[]; readonly why: string | false } {
  if (process.getuid!() !== 0) {
    const why = count > 0 && "NOT TESTED: only root finds a user without other processes";
    return { command: () => ["env", ENGINE], why };
  }
  const user = 200_000 + Math.floor(Math.random() * 1e6);
  const command = (folder: string) => [
    "setpriv",
    `--reuid=${user}`,
    `--regid=${user}`,
    "--clear-groups",
    // It can read all that root can, wherever the files and the runtimes are.
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    "env",
    ENGINE,
    `DENO_DIR=${join(folder, "deno")}`,
    `HOME=${folder}`,
  ];
  const [program, ...rest] = command("/");
  const why = spawnSync(program, [...rest, process.execPath, "--version"]).status !== 0 &&
    "NOT TESTED: another user cannot run this here";
  return { command, why };
}
