import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { countSchema } from "../src/counting/config.ts";
import deno from "../deno.json" with { type: "json" };
import { adapter } from "../src/runtime/mod.ts";
import { RUN_WITH_PACKAGES } from "./support/child.ts";
import { circlesIn, importsIn, importsOfFolders, namedIn } from "./support/imports.ts";
import npm from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");
const modules = [
  "mod.ts",
  ...["bench", "cli", "examples", "scripts", "src", "tests", "workers"].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:ts|mjs)$/.test(name))
      .map((name) => `${folder}/${name}`)
  ),
];
const imports = importsIn(root, modules);

describe("the project", () => {
  it("is the same package on JSR and npm", () => {
    assert.equal(npm.name, deno.name);
    assert.equal(npm.version, deno.version);
    assert.equal(npm.license, deno.license);
    assert.deepEqual(npm.exports, deno.exports);
  });

  it("has the same tasks for Deno and npm", () => {
    const launched = [...read("scripts/launch.mjs").matchAll(/^ {2}(\w+): \["([^\]]*)"\]/gm)]
      .map(([, task, entry]) => [task, entry.replaceAll('", "', " ")]);
    assert.ok(launched.length >= 4);
    for (const [task, entry] of launched) {
      const script = npm.scripts[task as keyof typeof npm.scripts];
      assert.equal(script, `node scripts/launch.mjs ${task}`);
      const { command } = deno.tasks[task as keyof typeof deno.tasks];
      assert.equal(command.replace(/ --v8-flags=\S+/, ""), `deno run -A ${entry}`);
    }
    assert.deepEqual(Object.keys(npm.scripts).sort(), launched.map(([task]) => task).sort());
  });

  it("installs for counting what the command line and the library import, and no more", () => {
    const imported = new Set<string>();
    for (const folder of ["src", "cli", "workers"]) {
      const files = readdirSync(root + folder, { recursive: true, encoding: "utf8" });
      for (const file of files.filter((name) => name.endsWith(".ts"))) {
        const imports = /^(?! \*).*(?:from |import\()"([^.$][^"]*)"/gm;
        for (const [, name] of read(`${folder}/${file}`).matchAll(imports)) {
          // Itself is imported by the examples that `advise` prints.
          if (!name.startsWith("node:") && !name.startsWith(npm.name)) imported.add(name);
        }
      }
    }
    assert.deepEqual(Object.keys(npm.dependencies).sort(), [...imported].sort());
  });

  it("has the same packages in the lock file of counting as in that of all tasks", () => {
    const [all, counting] = ["deno.lock", "deno.production.lock"].map((path) =>
      JSON.parse(read(path)).npm
    );
    assert.ok(Object.keys(counting).length > 0);
    for (const name of Object.keys(counting)) {
      assert.equal(counting[name].integrity, all[name].integrity, name);
    }
    const direct = Object.keys(npm.dependencies);
    const isIn = (name: string) => Object.keys(counting).some((key) => key.startsWith(`${name}@`));
    assert.deepEqual(direct.filter((name) => !isIn(name)), []);
    const development = Object.keys(npm.devDependencies);
    assert.deepEqual(development.filter(isIn), []);
  });

  it("has the tests of a source at the same path in tests", () => {
    // These test what several files do together, or the project itself.
    const WHOLE = /^tests\/(?:stress\/|explore\/|mutants\/|[^/]*$)|\/behaviour\//;
    const tests = modules.filter((path) => path.startsWith("tests/") && path.endsWith("_test.ts"));
    const alone = tests.filter((path) => !WHOLE.test(path)).filter((path) => {
      const source = path.replace(/^tests\//, "").replace(/_test\.ts$/, ".ts");
      return !modules.includes(source) && !modules.includes(`src/${source}`);
    });
    assert.deepEqual(alone, []);
  });

  it("has documents whose links lead to files, and a drawing of every folder of sources", () => {
    for (const path of ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md"]) {
      // `../../` leads to a page of the repository, such as its workflows.
      for (const [, link] of read(path).matchAll(/\]\((?!https?:|#|\.\.\/\.\.\/)([^)#\s]+)/g)) {
        const target = new URL(link, new URL(path, new URL("..", import.meta.url)));
        assert.ok(existsSync(target), `${path}: ${link}`);
      }
    }
    const drawn = read("docs/architecture.md");
    for (const path of modules.filter((name) => name.startsWith("src/"))) {
      for (const folder of path.split("/").slice(1, -1)) {
        assert.ok(drawn.includes(`${folder}/ `), `docs/architecture.md does not draw ${path}`);
      }
    }
  });

  it("has workflows with no more rights than they need, and actions that cannot change", () => {
    const folder = ".github/workflows";
    for (const name of readdirSync(root + folder)) {
      const text = read(`${folder}/${name}`);
      assert.match(text, /^permissions:\n {2}contents: read\n\n/m, `${name}: rights of all jobs`);
      for (const [, action] of text.matchAll(/uses: (?!\.\/)(.*)/g)) {
        assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v[\d.]+$/, name);
      }
    }
  });

  it("has an up-to-date schema", () => {
    const { title: _, ...schema } = JSON.parse(read("schema/count.schema.json"));
    assert.deepEqual(schema, { ...z.toJSONSchema(countSchema, { io: "input" }) });
  });

  for (
    const [what, script] of [["program of helper threads", "helper"], ["live page", "page"]]
  ) {
    it(`has an up-to-date ${what}`, () => {
      const path = `${root}scripts/build_${script}.ts`;
      const args = [...RUN_WITH_PACKAGES[adapter.name], path, "--check"];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    });
  }

  it("imports only from lower layers", () => {
    const below: Record<string, readonly string[]> = {
      contract: [],
      runtime: ["contract"],
      memory: ["contract", "runtime"],
      files: ["contract", "runtime"],
      redis: ["contract", "runtime"],
      host: ["contract", "runtime"],
      advice: [],
      counting: ["contract", "runtime", "memory", "files", "redis", "host"],
    };
    for (const [folder, allowed] of Object.entries(below)) {
      const files = readdirSync(`${root}src/${folder}`, { recursive: true, encoding: "utf8" });
      for (const file of files.filter((name) => name.endsWith(".ts"))) {
        for (const [, path] of read(`src/${folder}/${file}`).matchAll(/from "(\.[^"]+)"/g)) {
          const target = new URL(path, `file:///src/${folder}/${file}`).pathname.split("/")[2];
          assert.ok(target === folder || allowed.includes(target), `${folder}/${file}: ${path}`);
        }
      }
    }
  });

  it("has a bench that imports nothing of the command line", () => {
    const files = readdirSync(`${root}bench`, { recursive: true, encoding: "utf8" });
    for (const file of files.filter((name) => name.endsWith(".ts"))) {
      for (
        const [, path] of read(`bench/${file}`).matchAll(/(?:from|import)[ (]"(\.[^"]+)"/g)
      ) {
        const { pathname } = new URL(path, `file:///bench/${file}`);
        assert.doesNotMatch(pathname, /^\/cli\//, `bench/${file}: ${path}`);
      }
    }
  });

  it("has no circle of imports", () => {
    assert.deepEqual(circlesIn(imports), []);
  });

  it("has no circle of imports between folders", () => {
    for (const parent of ["src", "src/redis", "src/runtime"]) {
      const child = new RegExp(`^${parent}/(\\w+)/`);
      const folderOf = (file: string) => child.exec(file)?.[1];
      assert.deepEqual(circlesIn(importsOfFolders(imports, folderOf)), [], parent);
    }
    // Not `workers`: the code that starts a worker names its entry module, which imports its other
    // side of the protocol from the same folder.
    const folderOf = (file: string) => /^(?!workers)(?:src\/)?\w+(?=\/)/.exec(file)?.[0];
    assert.deepEqual(circlesIn(importsOfFolders(imports, folderOf)), []);
  });

  it("would find a circle by each kind of import", () => {
    const KINDS = [
      'import { a } from "./a.ts";',
      'import "./a.ts";',
      'import type {\n  A,\n} from "./a.ts";',
      'import { type A } from "./a.ts";',
      'export * from "./a.ts";',
      'export { a } from "./a.ts";',
      'await import("./a.ts");',
      'await import(\n    "./a.ts"\n  );',
      'type A = import("./a.ts").A;',
      'new URL("./a.ts", import.meta.url)',
      'new URL(\n  "./a.ts",\n  import.meta.url,\n)',
    ];
    for (const code of KINDS) assert.deepEqual(namedIn(code), ["./a.ts"], code);
    assert.deepEqual(namedIn("await import(`./none/${name}.ts`);"), ["./none/*.ts"]);
    assert.deepEqual(namedIn(' * import "./a.ts"\n// from "./a.ts"\n"./a.ts"'), []);
    const circle = new Map([["a", new Set(["b"])], ["b", new Set(["c"])], ["c", new Set(["b"])]]);
    assert.deepEqual(circlesIn(circle), ["b -> c -> b"]);
  });

  it("waits for nothing while its modules load, so that require() can load them", () => {
    const require = createRequire(import.meta.url);
    const { "./cli": _, ...library } = deno.exports;
    for (const path of Object.values(library)) {
      assert.ok(Object.keys(require(root + path)).length > 0, path);
    }
  });

  it("has a core without dependencies", () => {
    for (const folder of ["contract", "runtime", "memory", "files"]) {
      const files = readdirSync(`${root}src/${folder}`, { recursive: true, encoding: "utf8" });
      for (const file of files.filter((name) => name.endsWith(".ts"))) {
        for (
          const [, path] of read(`src/${folder}/${file}`).matchAll(/^(?! \*).*from "([^"]+)"/gm)
        ) {
          assert.match(path, /^(\.|node:)/, `${folder}/${file}`);
        }
      }
    }
  });
});
