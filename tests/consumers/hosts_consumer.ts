import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeProject, run, runParts } from "./project.ts";
import { CURRENT } from "./runtimes.ts";

const [{ command: node, env }] = CURRENT;

/** The parts as tests of a test runner, from which `test` is imported. */
const testsWith = (runner: string) => `
import { test } from "${runner}";
import { fileURLToPath } from "node:url";
import * as parts from "./parts.mjs";

const worker = fileURLToPath(new URL("./worker.mjs", import.meta.url));
test("workers", () => parts.testWorkers(worker), 60_000);
test("wait", () => parts.testAwaitedWait(worker), 60_000);
test("files", () => parts.testFiles(worker), 60_000);
test("entries", () => parts.testEntries());
`;

describe("The package works in", () => {
  let made: Promise<string> | undefined;
  const project = () =>
    made ??= makeProject(["vitest", "jest", "@jest/globals", "tsx"], {
      "parts.spec.mjs": testsWith("vitest"),
      "parts.jest.mjs": testsWith("@jest/globals"),
      "parts.node.mjs": testsWith("node:test").replaceAll(", 60_000", ""),
      "jest.config.json": JSON.stringify({ testMatch: ["**/*.jest.mjs"], transform: {} }),
      "main.ts": 'import "./main.mjs";',
      "worker.ts": 'import "./worker.mjs";',
    });

  /** Runs the tests, all of which must pass, and nothing else may fail. */
  async function runTests(...args: string[]): Promise<void> {
    const { stdout, stderr } = await run([...node, ...args], { cwd: await project(), env });
    assert.match(stdout + stderr, /\b(?:4 passed|pass 4)\b/);
  }

  for (const pool of ["threads", "forks", "vmThreads"]) {
    it(
      `vitest, with ${pool}`,
      () => runTests("node_modules/vitest/vitest.mjs", "run", `--pool=${pool}`),
    );
  }

  it(
    "jest, with modules",
    () => runTests("--experimental-vm-modules", "node_modules/jest/bin/jest.js"),
  );

  it("node --test", () => runTests("--test", "parts.node.mjs"));

  it("tsx", async () => {
    const cwd = await project();
    await runParts(
      [...node, "node_modules/tsx/dist/cli.mjs", "main.ts"],
      ["entries", "workers", "wait", "files", "processes"],
      { cwd, env },
    );
  });
});
