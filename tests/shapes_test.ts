import { build } from "esbuild";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { adapter, type RuntimeName } from "../src/runtime/mod.ts";
import { Child, RUN } from "./support/child.ts";
import { kernelWaiters } from "./support/kernel_waiters.ts";
import { Program } from "./support/program.ts";
import { inScratchFolder } from "./support/scratch_folder.ts";
import { until } from "./support/until.ts";

const DEADLINE = { timeout: 120_000 };
const PROGRAM = fileURLToPath(new URL("./fixtures/shipped_program.ts", import.meta.url));
const HOLDER = new URL("./files/fixtures/holding_process.ts", import.meta.url);
const EMPTY = fileURLToPath(new URL("../bench/programs/empty.ts", import.meta.url));
/** Runs a bundle. A helper needs the permission of its parent to call C, and no other. */
const HERE = [
  process.execPath,
  ...{ ...RUN, deno: ["run", "--quiet", "--no-config", "--no-lock", "--no-prompt", "--allow-ffi"] }[
    adapter.name
  ],
];

/** Makes something that runs from a folder; returns the command that runs it. */
type Shape = (folder: string) => readonly string[] | Promise<readonly string[]>;

const bundle = (format: "cjs" | "esm"): Shape => async (folder) => {
  const outfile = join(folder, `bundle.${format === "esm" ? "mjs" : "cjs"}`);
  await build({ entryPoints: [PROGRAM], bundle: true, format, platform: "node", outfile });
  return [...HERE, outfile];
};

/** Runs a command of this runtime that makes the file `output`, and returns its path. */
function make(output: string, ...args: string[]): string {
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot run "${args.join(" ")}": ${stderr}`);
  return output;
}

const COMPILED = "compiled by deno compile";
const COMPILE = ["compile", "--quiet", "--no-check", "--no-config", "-A"];

/** Why `deno compile` cannot work here; false if it can. */
function missingDenort(): string | false {
  const folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
  try {
    make("", ...COMPILE, "-o", join(folder, "empty"), EMPTY);
    return false;
  } catch (error) {
    if (!(error as Error).message.includes("denort")) throw error;
    return "deno compile cannot download its program (denort): this was NOT TESTED";
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const SHAPES: Readonly<Record<string, Shape>> = {
  "bundled by esbuild": bundle("esm"),
  "bundled by esbuild for CommonJS": bundle("cjs"),
  ...({
    deno: {
      "bundled by deno bundle": (folder) => {
        const output = join(folder, "bundle.js");
        return [...HERE, make(output, "bundle", "--quiet", "-o", output, PROGRAM)];
      },
      [COMPILED]: (folder) => {
        const output = join(folder, "program");
        return [make(output, ...COMPILE, "-o", output, PROGRAM)];
      },
    },
    bun: {
      "compiled by bun build": (folder) => {
        const output = join(folder, "program");
        return [make(output, "build", "--compile", "--outfile", output, PROGRAM)];
      },
    },
    node: {
      "made a single executable by node": async (folder) => {
        const main = (await bundle("cjs")(folder)).at(-1);
        const [output, config] = [join(folder, "program"), join(folder, "sea.json")];
        const execArgv = RUN.node;
        const options = { main, output, execArgv, disableExperimentalSEAWarning: true };
        writeFileSync(config, JSON.stringify(options));
        return [make(output, "--build-sea", config)];
      },
    },
  } satisfies Record<RuntimeName, Record<string, Shape>>)[adapter.name],
};

describe("A program with helper threads works if it is", () => {
  for (const [name, shape] of Object.entries(SHAPES)) {
    const skip = name === COMPILED && missingDenort();
    it(name, { ...DEADLINE, skip }, () =>
      inScratchFolder(async (folder) => {
        const command = await shape(folder);
        const path = join(folder, "lock");
        await using holder = Child.here(HOLDER, path);
        assert.equal(await holder.line(), "held");
        await using program = new Program([...command, folder]);
        assert.equal(await program.line(), "waits");
        await until("a wait in the kernel", () => kernelWaiters(path) === 1);
        holder.close();
        assert.equal(await program.line(), "3");
        const { code, stderr } = await program.ended;
        assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
      }));
  }
});
