import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { RedisServer, skip } from "../support/redis_server.ts";
import { makeProject, run, runParts } from "./project.ts";
import { runtimes } from "./runtimes.ts";

/** Imports every entry point by its name, and by `require`; they are the same. */
const ENTRIES = `
const assert = require("node:assert/strict");
const name = "@interlock/interlock";
const entries = Object.keys(require(name + "/package.json").exports)
  .filter((entry) => entry !== "./package.json" && entry !== "./cli");
(async () => {
  for (const entry of entries) {
    const path = name + entry.slice(1);
    const [required, imported] = [require(path), await import(path)];
    assert.ok(Object.keys(required).length > 0, path);
    for (const key of Object.keys(imported)) assert.equal(required[key], imported[key], key);
  }
  console.log(entries.join(" "));
})();
`;

const projects = new Map<string, Promise<string>>();

/** The project with some packages, which is made once. */
function projectWith(packages: readonly string[]): Promise<string> {
  const key = packages.join(" ");
  const made = projects.get(key) ?? makeProject(packages, { "entries.cjs": ENTRIES });
  projects.set(key, made);
  return made;
}

for (const { title, command, interlock, env, needs } of await runtimes()) {
  describe(`In ${title}, the package`, () => {
    const project = () => projectWith(["redis", ...needs]);
    let server: RedisServer | undefined;
    after(() => server?.[Symbol.asyncDispose]());

    it("loads by import and by require", async () => {
      const cwd = await project();
      // Node 22.12 warns that requiring an ES module is experimental.
      const env = { NODE_OPTIONS: "--disable-warning=ExperimentalWarning" };
      const { stdout, stderr } = await run([...command, "entries.cjs"], { cwd, env });
      assert.equal(stderr, "");
      assert.equal(stdout, ". ./contract ./memory ./files ./redis ./diagnostics\n");
    });

    it("locks between workers, tasks, files and processes", async () => {
      const cwd = await project();
      await runParts(
        [...command, "main.mjs"],
        ["entries", "workers", "wait", "files", "processes"],
        { cwd },
      );
    });

    it("has a command", async () => {
      const cwd = await project();
      const interlockSays = async (...args: string[]) => {
        const { stdout, stderr } = await run([...interlock, ...args], { cwd, env });
        assert.equal(stderr, "");
        return stdout;
      };
      assert.match(await interlockSays("--help"), /^Usage: interlock /);
      assert.equal(await interlockSays("lock", "jobs.lock", "--", "echo", "inside"), "inside\n");
      for (const unit of ["process", "worker"]) {
        const small = ["--unit", unit, "--workers", "2", "--increments", "100", "--json"];
        const lines = (await run([...interlock, "count", "atomic", "file-lock", ...small], {
          cwd,
          env,
        })).stdout.trim().split("\n").map((line) => JSON.parse(line));
        assert.deepEqual(lines.map(({ strategy, actual }) => [strategy, actual]), [
          ["atomic", 200],
          ["file-lock", 200],
        ]);
      }
    });

    it("locks on a server", { skip }, async () => {
      server = await RedisServer.start();
      const cwd = await project();
      await runParts([...command, "main.mjs"], [`redis=${server.url}`], { cwd });
    });
  });
}
