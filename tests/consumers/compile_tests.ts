import { transform } from "esbuild";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("..", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a program in C in the tests includes. */
const HEADER = "../docs/interlock.h";

/** The end of a path of a module, in an import or another text. */
const MODULE = /\.ts(?=["'`])/g;

/** The path of a module of the sources, in an import of a compiled test. */
const SOURCE = /"((?:\.\.?\/)+(?:src\/)?[\w/]+)\.js"/g;

async function compile(source: string, target: string): Promise<string> {
  const { code } = await transform(readFileSync(source, "utf8").replace(MODULE, ".js"), {
    loader: "ts",
    target: "node22",
    sourcefile: source,
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, code);
  return code;
}

/** Compiles the sources that a module imports and the package does not have as modules of their own. */
async function compileMissing(installed: string, module: string, code: string): Promise<void> {
  for (const [, path] of code.matchAll(SOURCE)) {
    const found = join(dirname(module), path);
    const source = join(ROOT, `${relative(installed, found)}.ts`);
    if (!source.startsWith(join(ROOT, "src/")) || existsSync(`${found}.js`)) continue;
    await compileMissing(installed, `${found}.js`, await compile(source, `${found}.js`));
  }
}

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
    const target = path.replace(/\.ts$/, ".js");
    await compileMissing(installed, target, await compile(path, target));
    rmSync(path);
  }
}
