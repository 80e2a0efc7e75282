import { cpSync, mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeProject, run, runParts, SCRATCH, toolPath } from "./project.ts";
import { executableOf, runtimes } from "./runtimes.ts";

const PARTS = ["entries", "workers", "wait", "files", "processes", "without-redis"];

const all = await runtimes();

/** The built files alone: without the project, nothing but the bundle can be loaded. */
function alone(folder: string): string {
  const cwd = mkdtempSync(join(SCRATCH, "bundle-"));
  cpSync(folder, cwd, { recursive: true });
  // Bun would install what is missing if there were no such folder.
  mkdirSync(join(cwd, "node_modules"));
  return cwd;
}

for (const [format, extension] of [["esm", ".mjs"], ["cjs", ".cjs"]]) {
  describe(`A bundle of esbuild as ${format}`, () => {
    let made: Promise<string> | undefined;
    const bundle = () => made ??= build();
    async function build(): Promise<string> {
      const cwd = await makeProject();
      await run([
        toolPath("esbuild"),
        "main.mjs",
        "worker.mjs",
        "--bundle",
        "--platform=node",
        `--format=${format}`,
        "--outdir=out",
        `--out-extension:.js=${extension}`,
      ], { cwd });
      return alone(join(cwd, "out"));
    }

    for (const { title, command, needs } of all) {
      it(`runs in ${title}`, async () => {
        const cwd = await bundle();
        if (needs.length > 0) await run(["npm", "install", "--no-audit", ...needs], { cwd });
        await runParts([...command, `main${extension}`], PARTS, { cwd });
      });
    }
  });
}

describe("An executable", () => {
  it("of bun build --compile runs", async () => {
    const cwd = await makeProject();
    await run(
      [executableOf("bun"), "build", "--compile", "main.mjs", "worker.mjs", "--outfile=out/main"],
      { cwd },
    );
    const folder = alone(join(cwd, "out"));
    await runParts([join(folder, "main")], PARTS, { cwd: folder });
  });
});
