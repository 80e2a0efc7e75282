/**
 * Breaks the locks on purpose, in a copy of the tree for each mutant, and fails if the tests pass with
 * a mutant: `deno task mutants`.
 *
 * @module
 */
import { Command } from "commander";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntimes } from "../../src/host/runtimes.ts";
import { FILE_MUTANTS } from "./file_mutants.ts";
import { MEMORY_MUTANTS, type Mutant } from "./mutants.ts";
import { REDIS_MUTANTS } from "./redis_mutants.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PARTS = ["src", "tests", "workers", "cli", "scripts", "mod.ts", "deno.json", "package.json"];
/** The time for a file; the slowest takes a sixth of it. A mutant that hangs counts as noticed. */
const LIMIT_MS = 45_000;

const { only } = new Command("mutants")
  .description("Breaks the locks on purpose, and checks that the tests notice.")
  .option("--only <text>", "only mutants whose name or tests contain this text")
  .parse()
  .opts<{ only?: string }>();

const runtimes = await findRuntimes(["deno", "bun", "node"]);
const pathOf = (name: string) => runtimes.find((runtime) => runtime.name === name)!.path;
const env = {
  ...process.env,
  ...Object.fromEntries(
    runtimes.map(({ name, path }) => [`INTERLOCK_${name.toUpperCase()}`, path]),
  ),
};

function copyTree(): string {
  const folder = mkdtempSync(join(tmpdir(), "interlock-mutant-"));
  for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function change(folder: string, { name, changes }: Mutant): void {
  for (const { file, text, by } of changes) {
    const path = join(folder, file);
    const source = readFileSync(path, "utf8");
    if (source.split(text).length !== 2) {
      throw new Error(
        `Cannot make the mutant "${name}": ${file} must contain this once, but contains it ${
          source.split(text).length - 1
        } times: ${text}`,
      );
    }
    writeFileSync(path, source.replace(text, () => by));
  }
  // Each source may be part of a generated file.
  for (const script of ["scripts/build_wasm.ts", "scripts/build_helper.ts"]) {
    const args = ["run", "-A", "--quiet", "--no-lock", script];
    execFileSync(pathOf("deno"), args, { cwd: folder, stdio: "inherit" });
  }
}

let current: ChildProcess | undefined;
process.on("exit", () => end(current));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

/** Kills the tests and all processes that they started: they are in a group of their own. */
function end(child: ChildProcess | undefined): void {
  try {
    if (child?.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // All of them have ended.
  }
}

/** Runs tests; resolves to `passed`, `failed` with the first failure, or `hung`. */
async function run(
  folder: string,
  tests: readonly string[],
  runtime: string,
  limit = LIMIT_MS,
): Promise<string> {
  const files = readdirSync(join(folder, "tests"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith("_test.ts") && tests.some((test) => file.startsWith(test)))
    .map((file) => `./tests/${file}`);
  if (files.length === 0) {
    throw new Error(`Cannot run tests: no path in tests/ begins with ${tests.join(", ")}`);
  }
  const args = runtime === "bun"
    ? ["test", "--bail", ...files]
    : ["test", "-A", "--no-check", "--no-lock", "--quiet", ...files];
  const child = current = spawn(pathOf(runtime), args, {
    cwd: folder,
    env: { ...env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  child.stdout.on("data", (data) => output += data);
  child.stderr.on("data", (data) => output += data);
  let hung = false;
  const timer = setTimeout(() => (hung = true, end(child)), limit);
  const code = await new Promise((resolve) => child.on("exit", resolve));
  clearTimeout(timer);
  end(child);
  if (hung) return "hung";
  if (code === 0) return "passed";
  const failed = /^\s*(.*\.\.\. FAILED|\(fail\).*)/m.exec(output);
  return `failed: ${failed?.[1].trim() ?? output.trim().split("\n").at(-1)}`;
}

async function inCopy<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = copyTree();
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const chosen = [...MEMORY_MUTANTS, ...FILE_MUTANTS, ...REDIS_MUTANTS].filter(({ name, tests }) =>
  only === undefined || [name, ...tests].some((text) => text.includes(only))
);
let survivors = 0;
// The unchanged tree must pass, or a failure would prove nothing.
for (const runtime of new Set(chosen.map(({ runtime = "deno" }) => runtime))) {
  const tests = chosen.filter((mutant) => (mutant.runtime ?? "deno") === runtime)
    .flatMap((mutant) => mutant.tests);
  const all = [...new Set(tests)];
  const verdict = await inCopy((folder) => run(folder, all, runtime, all.length * LIMIT_MS));
  console.log(`unchanged tree on ${runtime}: ${verdict}`);
  if (verdict !== "passed") process.exit(1);
}
for (const mutant of chosen) {
  const verdict = await inCopy((folder) => {
    change(folder, mutant);
    return run(folder, mutant.tests, mutant.runtime ?? "deno");
  });
  if (verdict === "passed") survivors++;
  console.log(
    `${verdict === "passed" ? "SURVIVED" : "noticed"}: ${mutant.name} (tests ${verdict})`,
  );
}
console.log(`${chosen.length - survivors} of ${chosen.length} mutants were noticed`);
process.exit(survivors === 0 && chosen.length > 0 ? 0 : 1);
