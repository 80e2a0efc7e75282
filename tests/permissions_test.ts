import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { adapter } from "../src/runtime/mod.ts";
import { childEnvironment } from "./support/child_environment.ts";
import { RedisServer, skip as skipRedis } from "./support/redis_server.ts";
import { inScratchFolder } from "./support/scratch_folder.ts";

const DEADLINE = { timeout: 60_000 };
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FIXTURE = join(ROOT, "tests/fixtures/permission_process.ts");
const DENO = ["run", "--quiet", `--config=${ROOT}deno.json`, "--no-lock"];
/** Where Node has what it compiled before, if anywhere: it reads that with a permission only. */
const { NODE_COMPILE_CACHE: CACHE } = process.env;
/** The arguments of a runtime without permissions. */
const BASE = {
  deno: [...DENO, "--no-prompt"],
  node: [
    "--no-warnings",
    "--permission",
    `--allow-fs-read=${ROOT}`,
    ...CACHE === undefined ? [] : [`--allow-fs-read=${CACHE}`, `--allow-fs-write=${CACHE}`],
  ],
  bun: [],
}[adapter.name];
/** What a package or a worker of the program lacks, the runtime reports. */
const REPORTED_BY_RUNTIME = /shared with a worker|by a client/;
const WORDS_OF_RUNTIME = /Requires \w+ access|Access to this API|\n\s+at /;

interface Row {
  readonly what: string;
  readonly needed: readonly string[];
  readonly optional: readonly string[];
}

/** The rows of the table, with the flags of the runtime that runs this; none of them for Bun. */
const rows: Row[] = readFileSync(join(ROOT, "docs/permissions.md"), "utf8")
  .split("\n").filter((line) => line.startsWith("| ")).slice(2)
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, what, deno, node]) => ({ what, flags: { deno, node, bun: "none" }[adapter.name] }))
  .filter(({ flags }) => flags !== "not possible")
  .map(({ what, flags }) => ({
    what,
    needed: [...flags.matchAll(/(?<!\()`([^`]+)`/g)].map(([, flag]) => flag),
    optional: [...flags.matchAll(/\(`([^`]+)`\)/g)].map(([, flag]) => flag),
  }));

/** Runs a program. Types `answer` until it ends: Deno forgets what was typed as it asks. */
async function run(
  command: readonly string[],
  answer?: string,
): Promise<{ readonly status: number | null; readonly output: string }> {
  const { env, giveBack } = childEnvironment();
  const child = spawn(command[0], command.slice(1), { env, stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  child.stdin.on("error", () => {}); // It has ended.
  const typing = answer && setInterval(() => child.stdin.write(`${answer}\n`), 200);
  if (!typing) child.stdin.end();
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject).on("close", resolve);
  });
  clearInterval(typing);
  giveBack();
  return { status, output };
}

describe(`docs/permissions.md, in ${adapter.name}`, () => {
  let server: RedisServer | undefined;
  before(async () => {
    if (!skipRedis) server = await RedisServer.start();
  });
  after(() => server?.[Symbol.asyncDispose]());

  for (const { what, needed, optional } of rows) {
    const skip = /redis/i.test(what) && skipRedis;
    it(what, { ...DEADLINE, skip }, () =>
      inScratchFolder(async (folder) => {
        const fill = (text: string, file: string) =>
          text.replace("FILE", file).replace("FOLDER", ROOT)
            .replace("HOST:PORT", `127.0.0.1:${server?.port}`);
        let runs = 0;
        const start = async (given: readonly string[]) => {
          const own = join(folder, `${++runs}`);
          mkdirSync(own);
          const file = join(own, "lock");
          const program = what.startsWith("`")
            ? [join(ROOT, "cli/main.ts"), ...fill(what.slice(1, -1), file).split(" ").slice(1)]
            : [FIXTURE, what, own, server?.url ?? ""];
          // Without any, Deno's `spawn` adds `-A` when it starts a Deno.
          const flags = adapter.name === "deno" && given.length === 0 ? ["--deny-import"] : given;
          return await run([
            process.execPath,
            ...BASE,
            ...flags.map((flag) => fill(flag, file)),
            ...program,
          ]);
        };

        const { status, output } = await start(needed);
        assert.equal(status, 0, output);
        if (optional.length > 0) {
          assert.equal(output, "done\n", "without a thread");
          assert.equal((await start([...needed, ...optional])).output, "done, with a thread\n");
        }
        await Promise.all(needed.map(async (flag) => {
          const less = await start(needed.filter((other) => other !== flag));
          assert.notEqual(less.status, 0, `without ${flag}: ${less.output}`);
          if (REPORTED_BY_RUNTIME.test(what)) return;
          const name = flag === "--allow-all" ? "--allow-" : flag.split("=")[0];
          assert.ok(less.output.includes(name), `without ${flag}: ${less.output}`);
          assert.doesNotMatch(less.output, WORDS_OF_RUNTIME);
        }));
      }));
  }
});

/** The other runtimes have no prompts. */
const describePrompts = adapter.name === "deno" ? describe : () => {};
const skip = spawnSync("script", ["--version"]).status !== 0 &&
  "script(1) is MISSING: this was NOT TESTED";

describePrompts("Deno at a terminal", { skip }, () => {
  /** Runs a thing of the fixture at a terminal, at which `answer` is typed. */
  const ask = (what: string, answer: string, ...flags: string[]) =>
    inScratchFolder((folder) => {
      const quoted = [process.execPath, ...DENO, ...flags, FIXTURE, what, folder]
        .map((word) => `'${word}'`).join(" ");
      return run(["script", "-qec", quoted, "/dev/null"], answer);
    });
  const prompts = (output: string) => output.match(/Deno requests \w+ access/g) ?? [];

  for (const flags of [[], ["--allow-ffi=libc.so.6"]]) {
    it(`is asked once for the C library (${flags})`, DEADLINE, async () => {
      const allowed = await ask("The same, awaited", "y", ...flags);
      assert.match(allowed.output, /^done\r?$/m);
      assert.deepEqual(prompts(allowed.output), ["Deno requests ffi access"]);
      const denied = await ask("The same, awaited", "n", ...flags);
      assert.match(denied.output, /^Cannot call the C library: .*--allow-ffi.*without a path/m);
      assert.deepEqual(prompts(denied.output), ["Deno requests ffi access"]);
    });
  }

  it("is not asked for a variable that makes errors longer", DEADLINE, async () => {
    const { output } = await ask("A mutex that looks for deadlocks", "n", "--allow-ffi");
    assert.match(output, /^done\r?$/m);
    assert.deepEqual(prompts(output), []);
  });

  it("is not asked for anonymous memory", DEADLINE, async () => {
    const { output } = await ask("Mutex in anonymous memory", "n");
    assert.match(output, /^done\r?$/m);
    assert.deepEqual(prompts(output), []);
  });

  for (
    const words of [
      "--help",
      "advise -f lock -w machine -s crash --readable -n 4 -r node",
      "inspect",
      "count",
      "lock x y",
    ]
  ) {
    it(`runs interlock ${words} without a permission, and without a stack trace`, async () => {
      const main = join(ROOT, "cli/main.ts");
      const command = [process.execPath, ...DENO, "--no-prompt", "--deny-import", main];
      const quoted = `'${command.join("' '")}' ${words}`;
      const { output } = await run(["script", "-qec", `env -u NO_COLOR ${quoted}`, "/dev/null"]);
      assert.match(output, /^(Usage: |Use: |.*Deno was started without --allow-)/);
      assert.doesNotMatch(output, WORDS_OF_RUNTIME);
    });
  }
});
