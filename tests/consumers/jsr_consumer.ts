import assert from "node:assert/strict";
import { cpSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import deno from "../../deno.json" with { type: "json" };
import npm from "../../package.json" with { type: "json" };
import { RedisServer, skip } from "../support/redis_server.ts";
import { JsrRegistry } from "./jsr_registry.ts";
import { run, type RunOptions, runParts, SCRATCH, SHORT } from "./project.ts";
import { CURRENT, runtimes } from "./runtimes.ts";

const PROGRAMS = fileURLToPath(new URL("programs", import.meta.url));
const [denoRuntime] = CURRENT.filter(({ title }) => title === "Deno");
const DENO = denoRuntime.command[0];
const CLI = `jsr:${deno.name}@${deno.version}/cli`;
const PARTS = ["entries", "workers", "wait", "files", "processes"];

let registry: JsrRegistry;
let server: RedisServer | undefined;
before(async () => {
  registry = await JsrRegistry.start(DENO, mkdtempSync(join(SCRATCH, "jsr-")));
  if (skip === false && !SHORT) server = await RedisServer.start();
});
after(async () => {
  await registry[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

/** Makes an empty project with the programs of this folder. */
function makeFolder(file: string, contents: object): string {
  const folder = mkdtempSync(join(SCRATCH, "project-"));
  cpSync(PROGRAMS, folder, { recursive: true });
  writeFileSync(join(folder, file), JSON.stringify(contents));
  return folder;
}

/** Makes a project of Deno that imports the package by `jsr:`, and downloads what it imports. */
async function makeDenoProject(...entries: string[]): Promise<RunOptions> {
  const cwd = makeFolder("deno.json", {
    imports: { [deno.name]: `jsr:${deno.name}@${deno.version}` },
  });
  const options = { cwd, env: { ...registry.environment, DENO_DIR: join(cwd, "cache") } };
  await run([DENO, "install", "--entrypoint", ...entries], options);
  return options;
}

describe("The package on JSR", () => {
  it("is published without a warning", () => {
    assert.match(registry.messages, /Successfully published/);
    assert.doesNotMatch(registry.messages, /warning/i);
  });

  it("locks in Deno between workers and tasks", async () => {
    const options = await makeDenoProject("main.mjs", "worker.mjs");
    await runParts([...denoRuntime.command, "main.mjs"], SHORT ? ["wait"] : PARTS, options);
  });
});

describe("The package on JSR, in full", { skip: SHORT && "the long form runs it" }, () => {
  it("locks on a server", { skip }, async () => {
    const options = await makeDenoProject("main.mjs");
    await runParts([...denoRuntime.command, "main.mjs"], [`redis=${server!.url}`], options);
  });

  it("has a command", async () => {
    const options = await makeDenoProject(CLI);
    const interlock = [...denoRuntime.command, "--quiet", CLI];
    await runCommand(interlock, options);
    const { stdout, stderr } = await run([...interlock, "count", "--increments", "10"], options);
    assert.match(stdout, /^Four processes of deno add to one number, many times\.$/m);
    assert.match(stderr, /^Counting only in deno: the others run no programs from JSR$/m);
  });
});

for (const { title, command } of await runtimes()) {
  // JSR keeps `using`, which Node 22 does not know.
  if (title === "Deno" || title.startsWith("Node 22")) continue;
  describe(`The npm package of JSR in ${title}`, { skip: SHORT && "the long form runs it" }, () => {
    it("locks between workers, tasks, files, processes and on a server", async () => {
      const parts = server === undefined ? PARTS : [...PARTS, `redis=${server.url}`];
      await runParts([...command, "main.mjs"], parts, { cwd: await npmProject() });
    });

    it("has a command", async () => {
      const cwd = await npmProject();
      await runCommand([...command, `node_modules/${deno.name}/cli/main.js`], { cwd });
    });
  });
}

let installed: Promise<string> | undefined;

/** A project with the npm package that JSR makes, and what older versions of Node need; made once. */
function npmProject(): Promise<string> {
  return installed ??= (async () => {
    const tarball = await registry.packForNpm(mkdtempSync(join(SCRATCH, "jsr-npm-")));
    const dependencies = { [deno.name]: `file:${tarball}`, koffi: npm.peerDependencies.koffi };
    const cwd = makeFolder("package.json", { dependencies });
    await run(["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"], { cwd });
    return cwd;
  })();
}

/** Counts and locks with the command line. */
async function runCommand(interlock: readonly string[], options: RunOptions): Promise<void> {
  const counted = await run([...interlock, "count", "value-lock", "atomic", "--json"], options);
  const results = counted.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(results.map(({ strategy, lost }) => [strategy, lost]), [
    ["value-lock", 0],
    ["atomic", 0],
  ]);
  const locked = await run([...interlock, "lock", "jobs.lock", "--", "echo", "alone"], options);
  assert.equal(locked.stdout, "alone\n");
}
