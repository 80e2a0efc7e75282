import { transform } from "esbuild";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("..", import.meta.url));

/** What a program in C in the tests includes. */
const HEADER = "../docs/interlock.h";

/** The end of a path of a module, in an import or another text. */
const MODULE = /\.ts(?=["'`])/g;

/**
 * Compiles the tests for older versions of Node, into the package that a project has installed. There
 * they test the modules of the package, since they import them by relative paths.
 *
 * @param installed The folder of the package.
 */
export async function compileTests(installed: string): Promise<void> {
  const tests = join(installed, "tests");
  cpSync(TESTS, tests, { recursive: true });
  cpSync(join(TESTS, HEADER), join(tests, HEADER));
  for (const name of readdirSync(tests, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const path = join(tests, name);
    const { code } = await transform(readFileSync(path, "utf8").replace(MODULE, ".js"), {
      loader: "ts",
      target: "node22",
      sourcefile: name,
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    });
    writeFileSync(path.replace(/\.ts$/, ".js"), code);
    rmSync(path);
  }
}
