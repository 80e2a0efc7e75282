import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { compileTests } from "./compile_tests.ts";
import { makeProject, run, runParts, SHORT } from "./project.ts";
import { olderNodes } from "./runtimes.ts";

/** The tests of the code that calls C. Those of helpers need a module that the package has only as text. */
const FOLDERS = ["contract", "memory", "files", "runtime/files"];
/** A test that takes longer hangs, in milliseconds. */
const TIMEOUT_MS = 120_000;

const LOCK = `
  const { FileLock } = require("@interlock/interlock");
  const lock = new FileLock("text.lock");
  console.log(lock.acquireSync().held);
  lock.close();
`;
const IN_WORKER = `new (require("node:worker_threads").Worker)(${
  JSON.stringify(LOCK)
}, { eval: true })`;

function testFiles(tests: string): string[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(tests, folder), { recursive: true, encoding: "utf8" })
      // Pages in a browser have no calls of C.
      .filter((name) => name.endsWith("_test.js") && !name.endsWith("browser_test.js"))
      .map((name) => join("tests", folder, name))
  ).sort();
}

for (const { title, command } of SHORT ? [] : await olderNodes()) {
  const flags = ["--disable-warning=ExperimentalWarning"]; // Of `require` in Node 22.12.
  describe(`${title} with koffi`, () => {
    let made: Promise<string> | undefined;
    const project = () => made ??= makeProject(["koffi", "redis"]);

    it("locks a file in a text that it runs, and in a worker that is a text", async () => {
      const cwd = await project();
      for (const text of [LOCK, IN_WORKER]) {
        const { stdout, stderr } = await run([...command, ...flags, "-e", text], { cwd });
        assert.deepEqual({ stdout, stderr }, { stdout: "true\n", stderr: "" });
      }
    });

    it("passes the tests", async () => {
      const cwd = join(await project(), "node_modules/@interlock/interlock");
      await compileTests(cwd);
      const env = { INTERLOCK_NODE: command[0], NODE_TEST_CONTEXT: undefined };
      for (const file of testFiles(join(cwd, "tests"))) {
        await run([...command, "--test", `--test-timeout=${TIMEOUT_MS}`, file], { cwd, env });
      }
    });
  });

  describe(`${title} without koffi`, () => {
    it("has memory for workers, and says what to install for the rest", async () => {
      const cwd = await makeProject();
      await runParts(
        [...command, "main.mjs"],
        ["workers", "wait", "without-c=has no node:ffi\\. Install koffi \\(npm install koffi\\)"],
        { cwd },
      );
    });
  });
}
