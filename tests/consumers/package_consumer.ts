import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { skip } from "../support/redis_server.ts";
import { makeProject, run, runParts, TARBALL, toolPath } from "./project.ts";
import { CURRENT, executableOf } from "./runtimes.ts";

describe("The packed package", () => {
  let installed: Promise<string> | undefined;
  const folder = async () => {
    installed ??= makeProject();
    return join(await installed, "node_modules/@interlock/interlock");
  };
  const manifest = async () =>
    JSON.parse(readFileSync(join(await folder(), "package.json"), "utf8"));

  it("is small", () => {
    const { size } = statSync(TARBALL);
    console.log(`Packed: ${(size / 1000).toFixed(1)} kB`);
    assert.ok(size <= 340_000, `${size} bytes`);
  });

  it("contains neither tests nor sources nor results", async () => {
    const files = readdirSync(await folder(), { recursive: true, encoding: "utf8" });
    assert.ok(files.includes("mod.js") && files.includes("mod.d.ts"));
    const KINDS =
      /\.(?:js|d\.ts)$|^(?:package\.json|deno\.json|schema\/count\.schema\.json|README\.md|CHANGELOG\.md|LICENSE)$/;
    const unknown = files.filter((path) => !KINDS.test(path))
      .filter((path) => /\./.test(path.split("/").at(-1)!));
    assert.deepEqual(unknown, []);
    assert.deepEqual(files.filter((path) => /test|bench|fixture/.test(path)), []);
  });

  it("has nothing to say for publint", async () => {
    await run([toolPath("publint"), "--strict", TARBALL], { cwd: dirname(TARBALL) });
  });

  it("has types that are right, as an ES module", async () => {
    await run([toolPath("attw"), TARBALL, "--profile", "esm-only"], { cwd: dirname(TARBALL) });
  });

  it("needs nothing for the library: no package is imported before it is used", async () => {
    const { exports } = await manifest();
    const root = await folder();
    const seen = new Set<string>();
    const visit = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      const code = readFileSync(path, "utf8");
      for (const [, name] of code.matchAll(/^(?:import|export|\} from).*?"([^"]+)";$/gm)) {
        if (name.startsWith(".")) visit(join(dirname(path), name));
        else assert.match(name, /^node:/, path);
      }
    };
    for (const [name, entry] of Object.entries<{ default: string }>(exports)) {
      if (name !== "./cli" && name !== "./package.json") visit(join(root, entry.default));
    }
    assert.ok(seen.size > 50);
  });

  it("keeps the names of what it exports, which errors and stack traces show", async () => {
    const { exports } = await manifest();
    let count = 0;
    for (const [name, entry] of Object.entries<{ default: string }>(exports)) {
      if (name === "./cli" || name === "./package.json") continue;
      const module = await import(pathToFileURL(join(await folder(), entry.default)).href);
      for (const [key, value] of Object.entries(module)) {
        if (typeof value !== "function") continue;
        assert.equal(value.name, key, name);
        count++;
      }
    }
    assert.ok(count > 50, `${count}`);
  });

  it("runs on each supported Node, and has optional packages only as peers", async () => {
    const { engines, dependencies, peerDependenciesMeta, ...rest } = await manifest();
    assert.equal(engines.node, ">=22.12");
    assert.equal(rest.private, undefined);
    for (const name of Object.keys(peerDependenciesMeta)) {
      assert.deepEqual(peerDependenciesMeta[name], { optional: true });
      assert.ok(!(name in dependencies), name);
    }
    const installed = readdirSync(join(await folder(), "../.."));
    for (const name of Object.keys(peerDependenciesMeta)) {
      assert.ok(!installed.includes(name), name);
    }
  });

  it("is installed by Bun too, without the optional packages", async () => {
    const bun = executableOf("bun");
    const cwd = await makeProject([], {}, [bun, "add"]);
    const { peerDependenciesMeta } = await manifest();
    const installed = readdirSync(join(cwd, "node_modules"));
    assert.deepEqual(installed.filter((name) => name in peerDependenciesMeta), []);
    await runParts([bun, "main.mjs"], ["entries", "workers", "without-redis"], { cwd });
  });

  it("has a command that says what to install for Redis", { skip }, async () => {
    const cwd = join(await folder(), "../../..");
    const [{ interlock, env }] = CURRENT;
    const count = [...interlock, "count", "--workers", "2", "--increments", "10", "--json"];
    const { stdout, stderr } = await run([...count, "atomic", "redis"], { cwd, env });
    assert.deepEqual(stdout.match(/"strategy":"[^"]*"/g), ['"strategy":"atomic"']);
    assert.match(stderr, /^Skipping redis: .*npm install redis/m);
    await assert.rejects(
      run([...count, "redis"], { cwd, env }),
      /Cannot run redis: .*npm install redis/,
    );
  });
});
