import { transform } from "esbuild";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("..", import.meta.url));

/** A path of a module, in an import or another text. */
const MODULE = /(["'`][\w./-]+)\.ts(["'`])/g;

/**
 * Compiles the tests for an older Node, as the package is compiled, into a package as it is installed:
 * there, they test its modules, since what they import are relative paths.
 */
export async function compileTests(installed: string, target: string): Promise<void> {
  const tests = join(installed, "tests");
  cpSync(TESTS, tests, { recursive: true });
  for (const name of readdirSync(tests, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const path = join(tests, name);
    const { code } = await transform(readFileSync(path, "utf8").replace(MODULE, "$1.js$2"), {
      loader: "ts",
      target,
      sourcefile: name,
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
    writeFileSync(path.replace(/\.ts$/, ".js"), code);
    rmSync(path);
  }
}
