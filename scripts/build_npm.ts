/**
 * Builds the npm package in `dist`, or in the folder that is its argument. Each module of the library
 * becomes JavaScript for the oldest Node that the package supports, and a declaration; the commands
 * become bundles. The package.json is made from that of the project.
 *
 * @module
 */
import { build, type BuildOptions, type Plugin, transform } from "esbuild";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import deno from "../deno.json" with { type: "json" };
import npm from "../package.json" with { type: "json" };
import { reachedDeclarations } from "./reached_declarations.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = process.argv[2] ?? join(ROOT, "dist");

const isModule = (path: string) => path.endsWith(".ts");
// The list of changes stays in the repository.
const published = deno.publish.include
  .filter((path) => path !== "deno.json" && path !== "CHANGELOG.md");
const modules = published.flatMap((path) => filesIn(path)).filter(isModule);

/** The modules that a program imports. */
const library = Object.entries(npm.exports).filter(([name]) => name !== "./cli")
  .map(([, path]) => posix.normalize(path));
/** The command, in one file, and the modules that programs start. */
const COMMAND = posix.normalize(npm.bin.interlock);
const PROGRAMS = ["workers/counting_process.ts", "workers/counting_thread.ts"];
const README = "README.md";
/** The folder of the other commands, as deep as their sources: they name files relative to theirs. */
const COMMANDS = "src/commands";

/** The modules of the library; all others are parts of a command. */
const OF_LIBRARY =
  /^(?:mod\.ts$|src\/diagnostics\.ts$|src\/(?:contract|memory|files|redis|runtime)\/)/;
/** The part of the library whose errors say enough. */
const INTERNAL = /^src\/runtime\//;

/** A published file, or all files of a published folder. */
function filesIn(path: string): string[] {
  if (!statSync(join(ROOT, path)).isDirectory()) return [path];
  return readdirSync(join(ROOT, path), { recursive: true, encoding: "utf8" })
    .map((name) => `${path}/${name}`);
}

const compiled = (path: string) => path.replace(/\.ts$/, ".js");
const declared = (path: string) => path.replace(/\.ts$/, ".d.ts");

/** Keeps imports of modules, by their compiled names; JSON becomes a part of its importer. */
const separateModules: Plugin = {
  name: "separate modules",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ path, kind }) => {
      return kind === "entry-point" ? undefined : { path: compiled(path), external: true };
    });
  },
};

/** Drops doc comments: editors read them in the declarations. */
const withoutDocs: Plugin = {
  name: "without docs",
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      let contents = readFileSync(path, "utf8");
      const visit = (node: ts.Node & { jsDoc?: ts.JSDoc[] }) => {
        for (const { pos, end } of node.jsDoc ?? []) {
          const blank = contents.slice(pos, end).replace(/[^\n]/g, " ");
          contents = contents.slice(0, pos) + blank + contents.slice(end);
        }
        ts.forEachChild(node, visit);
      };
      visit(ts.createSourceFile(path, contents, ts.ScriptTarget.ESNext));
      // Redis does not need the indentation and the comments of its scripts.
      if (path.endsWith("scripts.ts")) {
        contents = contents.replace(/\n *-- .*/g, "").replace(/\n +/g, "\n");
      }
      return { contents, loader: "ts" };
    });
  },
};

/** Keeps what a program reads of the project's settings. */
const versionOnly: Plugin = {
  name: "version only",
  setup({ onLoad }) {
    onLoad({ filter: /\bdeno\.json$/ }, () => {
      return { contents: JSON.stringify({ version: deno.version }), loader: "json" };
    });
  },
};

const OPTIONS = {
  write: false,
  absWorkingDir: ROOT,
  outdir: DIST,
  outbase: ROOT,
  bundle: true,
  packages: "external",
  platform: "neutral",
  format: "esm",
  target: `node${oldestNode()}`,
  legalComments: "none",
  logLevel: "warning",
} satisfies BuildOptions;

async function emitModules(): Promise<void> {
  const { text, later } = await bundledCommand();
  writeText(compiled(COMMAND), text);
  const needed = await emitCommands(later);
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: modules.filter((path) => OF_LIBRARY.test(path)),
    plugins: [separateModules, withoutDocs],
    // Imports of types say so; all others are kept.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [relative(DIST, path), text]));
  for (const module of reached([...library, ...needed], texts)) {
    writeText(`${module}.js`, await smaller(module, declaring(texts.get(`${module}.js`)!)));
  }
}

/** Declares the classes that esbuild made expressions, so that they keep their names. */
function declaring(text: string): string {
  const expressions = [...text.matchAll(/^var (\w+) = class (_\1) /gm)];
  return expressions.reduce(
    (text, [start, name, inner]) =>
      text.replace(start, `class ${name} `).replaceAll(new RegExp(`\\b${inner}\\b`, "g"), name),
    text,
  );
}

/**
 * Makes a module of the library small. In the internal part no name stays. In the rest, the names that
 * stack traces show stay: those of classes, functions and methods. To esbuild, all but the imports and
 * exports is a script, whose top level other scripts see.
 */
async function smaller(module: string, text: string): Promise<string> {
  if (INTERNAL.test(module)) return (await transform(text, { minify: true, format: "esm" })).code;
  const source = ts.createSourceFile(module, text, ts.ScriptTarget.ESNext);
  const textOf = (statement: ts.Statement) => statement.getText(source);
  const isOuter = (one: ts.Statement) => ts.isImportDeclaration(one) || ts.isExportDeclaration(one);
  const outer = source.statements.filter(isOuter).map((one) => textOf(one).replace(/\s+/g, " "));
  const inner = source.statements.filter((one) => !isOuter(one)).map(textOf);
  const { code } = await transform(inner.join("\n"), { minify: true, lineLimit: 300 });
  return [...outer, code].join("\n");
}

/**
 * The command `interlock` with all that `interlock lock` needs as one file, since scripts run it
 * often: loading the modules takes longer than the lock. It imports the other commands when it needs
 * them. Deno loads what an import names even if it is never reached, so the names are hidden.
 */
async function bundledCommand(): Promise<{ text: string; later: readonly string[] }> {
  const later = new Set<string>();
  const { outputFiles: [{ text }] } = await build({
    ...OPTIONS,
    entryPoints: [COMMAND],
    minify: true,
    plugins: [{
      name: "commands apart",
      setup({ onResolve }) {
        onResolve({ filter: /^\.\/.*\.ts$/ }, ({ path, kind, importer }) => {
          if (kind !== "dynamic-import" || path === "./lock.ts") return undefined;
          later.add(posix.join(posix.dirname(relative(ROOT, importer)), path));
          return { path: `../${COMMANDS}/${posix.basename(compiled(path))}`, external: true };
        });
      },
    }],
  });
  return {
    text: text.replace(/import\(("[^"]+")\)/g, "import([$1][0])"),
    later: [...later],
  };
}

/**
 * Writes the other commands and the programs of `count` as bundles that share their parts. The modules
 * of the library stay separate.
 *
 * @returns The modules of the library that they need.
 */
async function emitCommands(later: readonly string[]): Promise<readonly string[]> {
  const needed = new Set<string>();
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: [
      ...later.map((path) => ({ in: path, out: `${COMMANDS}/${posix.basename(path, ".ts")}` })),
      ...PROGRAMS.map((path) => ({ in: path, out: path.replace(/\.ts$/, "") })),
    ],
    splitting: true,
    chunkNames: `${COMMANDS}/[name]-[hash]`,
    minify: true,
    plugins: [versionOnly, {
      name: "library apart",
      setup({ onResolve }) {
        onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ path, importer }) => {
          const module = posix.join(posix.dirname(relative(ROOT, importer)), path);
          if (!OF_LIBRARY.test(module)) return undefined;
          needed.add(module);
          return { path: LIBRARY + compiled(module), external: true };
        });
      },
    }],
  });
  for (const { path: absolute, text } of outputFiles) {
    const path = relative(DIST, absolute);
    const named = text.replaceAll(LIBRARY, `${posix.relative(posix.dirname(path), "")}/`);
    writeText(path, named);
  }
  return [...needed];
}

/** Stands for the folder of the package until it is known where a module is written. */
const LIBRARY = "package:";

/** The modules that some modules import, directly or through others; without extension. */
function reached(
  entries: readonly string[],
  texts: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  const all = new Set(entries.map((path) => path.replace(/\.ts$/, "")));
  for (const module of all) {
    const text = texts.get(`${module}.js`)!;
    for (const [, path] of text.matchAll(/\b(?:from |import\()"(\.[^"]+)\.js"/g)) {
      all.add(posix.join(posix.dirname(module), path));
    }
  }
  return all;
}

function oldestNode(): string {
  const [version] = /\d+\.\d+/.exec(npm.engines.node)!;
  return version;
}

/**
 * Writes the declarations that the exports reach. Their types are not checked, which is `deno task
 * check`, since Deno knows types that tsc lacks.
 */
function emitDeclarations(): void {
  const host = ts.createCompilerHost({});
  const program = ts.createProgram(modules.map((path) => join(ROOT, path)), {
    declaration: true,
    emitDeclarationOnly: true,
    noCheck: true,
    // Each export has an explicit type, so a module's declarations need no other module.
    noResolve: true,
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    types: [],
    rootDir: ROOT,
    outDir: DIST,
  }, host);
  const texts = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (path, text) => {
    texts.set(relative(DIST, path), text.replace(IMPORT, (_, from, to) => `${from}"${to}.js"`));
  });
  if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, host));
  const entries = [...library, COMMAND].map(declared);
  for (const [path, text] of reachedDeclarations(entries, texts)) writeText(path, text);
}

/** An import of a module in a declaration; comments have a star before it. */
const IMPORT = /(^(?:(?:import|export|\}).* from |(?! \*).*\bimport\())"(\.[^"]+)\.ts"/gm;

/** The package.json of the package: the project's, without what only development needs. */
function manifest(): object {
  const { scripts: _, devDependencies: __, private: ___, dependencies, exports, bin, ...same } =
    npm;
  const optional = Object.keys(npm.peerDependencies);
  return {
    ...same,
    exports: {
      ...Object.fromEntries(
        Object.entries(exports).map(([name, path]) => [name, {
          types: declared(path),
          default: compiled(path),
        }]),
      ),
      "./package.json": "./package.json",
    },
    bin: { interlock: compiled(bin.interlock) },
    files: [
      ...published.flatMap((path) => {
        return isModule(path) ? [compiled(path), declared(path)] : [path];
      }),
      "deno.json",
    ],
    sideEffects: [compiled(bin.interlock), compiled(exports["./diagnostics"]), "./workers/*.js"],
    // In a clone, `count` needs a client of Redis; a program that uses the package may not.
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => !optional.includes(name)),
    ),
  };
}

/** The README without the sections for those who have a clone. */
function withoutClone(text: string): string {
  return text.replace(/^##+ (?:From a clone|Two commands to try)\n[^]*?(?=^## )/gm, "")
    .replace(/\[([^\]]+)\]\(#(?:from-a-clone|two-commands-to-try)\)/g, "$1");
}

function writeText(path: string, text: string): void {
  mkdirSync(join(DIST, dirname(path)), { recursive: true });
  writeFileSync(join(DIST, path), text);
}

function writeJson(path: string, value: object): void {
  writeText(path, `${JSON.stringify(value, null, 2)}\n`);
}

rmSync(DIST, { recursive: true, force: true });
await emitModules();
emitDeclarations();
for (const path of published.flatMap(filesIn)) {
  if (path === README) writeText(path, withoutClone(readFileSync(join(ROOT, path), "utf8")));
  else if (/\.(?:md|schema\.json)$|LICENSE$/.test(path)) cpSync(join(ROOT, path), join(DIST, path));
}
writeJson("package.json", manifest());
// For the workers of `count` in Deno.
writeJson("deno.json", { nodeModulesDir: deno.nodeModulesDir });
chmodSync(join(DIST, compiled(npm.bin.interlock)), 0o755);
process.stdout.write(`Built ${DIST}\n`);
