/**
 * Builds the npm package in `dist`, or in the folder that is its argument. Each module becomes
 * JavaScript for the oldest Node that the package supports, with a source map and a declaration. The
 * package.json is made from that of the project.
 *
 * @module
 */
import { decode, encode, type SourceMapSegment } from "@jridgewell/sourcemap-codec";
import { build, type Plugin, transform } from "esbuild";
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

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = process.argv[2] ?? join(ROOT, "dist");

const isModule = (path: string) => path.endsWith(".ts");
// The list of changes stays in the repository.
const published = deno.publish.include
  .filter((path) => path !== "deno.json" && path !== "CHANGELOG.md");
const modules = published.flatMap((path) => filesIn(path)).filter(isModule);

/** The modules that programs start or import; the helper is a part of the library, as text. */
const entries = [
  ...Object.values(npm.exports).map((path) => posix.normalize(path)),
  ...modules.filter((path) => path.startsWith("workers/") && path !== "workers/helper.ts"),
];

/** The module that is a bundle. */
const COMMAND = npm.bin.interlock.replace("./", "").replace(/\.ts$/, ".js");

/** The modules that no program imports and whose errors say enough: made small, without source maps. */
const INTERNAL = /^(?:cli|workers|src\/(?:host|counting|advice|runtime))\//;

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

/** Drops doc comments: editors read them in the declarations. Each line stays where it is. */
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
      return { contents, loader: "ts" };
    });
  },
};

async function emitModules(): Promise<void> {
  const { outputFiles } = await build({
    write: false,
    absWorkingDir: ROOT,
    entryPoints: modules,
    outdir: DIST,
    outbase: ROOT,
    bundle: true,
    packages: "external",
    plugins: [separateModules, withoutDocs],
    format: "esm",
    target: `node${oldestNode()}`,
    sourcemap: true,
    sourcesContent: false,
    legalComments: "none",
    // Imports of types say so; all others are kept.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    logLevel: "warning",
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [relative(DIST, path), text]));
  texts.set(COMMAND, await bundledCommand());
  for (const module of reached(".js", texts)) {
    const text = texts.get(`${module}.js`)!;
    if (`${module}.js` === COMMAND) {
      writeText(COMMAND, text.replace(/import\(("[^"]+")\)/g, "import([$1][0])"));
      continue;
    }
    if (INTERNAL.test(module)) {
      const { code } = await transform(text, { minify: true, format: "esm" });
      writeText(`${module}.js`, code);
      continue;
    }
    writeText(`${module}.js`, text);
    writeText(`${module}.js.map`, mapOfLines(module, texts.get(`${module}.js.map`)!));
  }
}

/**
 * The command `interlock` with all that `interlock lock` needs as one file, since scripts run it
 * often: loading the modules takes longer than the lock. It imports the other commands when it needs
 * them. Deno loads what an import names even if it is never reached, so the names are hidden.
 */
async function bundledCommand(): Promise<string> {
  const { outputFiles: [{ text }] } = await build({
    write: false,
    absWorkingDir: ROOT,
    entryPoints: [npm.bin.interlock],
    bundle: true,
    minify: true,
    plugins: [{
      name: "commands apart",
      setup({ onResolve }) {
        onResolve({ filter: /^\.\/.*\.ts$/ }, ({ path, kind }) => {
          return kind === "dynamic-import" ? { path: compiled(path), external: true } : undefined;
        });
      },
    }],
    format: "esm",
    platform: "neutral",
    target: `node${oldestNode()}`,
    legalComments: "none",
    logLevel: "warning",
  });
  return text;
}

/** The modules that the entries import, directly or through others; without extension. */
function reached(extension: string, texts: ReadonlyMap<string, string>): ReadonlySet<string> {
  const all = new Set(entries.map((path) => path.replace(/\.ts$/, "")));
  for (const module of all) {
    const text = texts.get(module + extension)!;
    for (const [, path] of text.matchAll(/\b(?:from |import\()"(\.[^"]+)\.js"/g)) {
      all.add(posix.join(posix.dirname(module), path));
    }
  }
  return all;
}

/**
 * Reduces a source map to one place for each line, a quarter of its size, in the sources of this
 * version on the web: the package has none.
 */
function mapOfLines(module: string, text: string): string {
  const repository = npm.repository.url.replace(/^git\+|\.git$/g, "");
  const source = `${module}.ts`;
  const { sources, mappings } = JSON.parse(text);
  // The others are JSON.
  const own = sources.findIndex((path: string) => path.endsWith(source));
  const lines = decode(mappings).map((line) => {
    const [at, , ...place] = line.find(([, of]) => of === own) ?? [];
    return at === undefined ? [] : [[at, 0, ...place] as SourceMapSegment];
  });
  return JSON.stringify({
    version: 3,
    sources: [`${repository}/blob/v${npm.version}/${source}`],
    names: [],
    mappings: encode(lines),
  });
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
  for (const module of reached(".d.ts", texts)) {
    writeText(`${module}.d.ts`, texts.get(`${module}.d.ts`)!);
  }
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
        return isModule(path) ? [compiled(path), `${compiled(path)}.map`, declared(path)] : [path];
      }),
      "deno.json",
    ],
    sideEffects: [compiled(bin.interlock), "./workers/*.js"],
    // In a clone, `count` needs a client of Redis; a program that uses the package may not.
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => !optional.includes(name)),
    ),
  };
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
  if (/\.(?:md|schema\.json)$|LICENSE$/.test(path)) cpSync(join(ROOT, path), join(DIST, path));
}
writeJson("package.json", manifest());
// For the workers of `count` in Deno.
writeJson("deno.json", { nodeModulesDir: deno.nodeModulesDir });
chmodSync(join(DIST, compiled(npm.bin.interlock)), 0o755);
process.stdout.write(`Built ${DIST}\n`);
