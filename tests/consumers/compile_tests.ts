import { transform } from "esbuild";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("..", import.meta.url));

/** A path in the text of a module, of an import or for a `URL`. */
const MODULE = /(["'`]\.{1,2}\/[^"'`\n]*)\.ts(["'`])/g;

/**
 * Compiles the tests for an older Node, as the package is compiled, into a package as it is installed:
 * there, they test its modules, since what they import are relative paths.
 */
export async function compileTests(installed: string, target: string): Promise<void> {
  for (const name of readdirSync(TESTS, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const text = readFileSync(join(TESTS, name), "utf8").replace(MODULE, "$1.js$2");
    const { code } = await transform(text, {
      loader: "ts",
      target,
      sourcefile: name,
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
    const path = join(installed, "tests", name.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
}
