import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { adapter } from "../src/runtime/mod.ts";
import { RedisServer, skip } from "./support/redis_server.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const FLAGS = {
  deno: ["run", "-A", `--config=${ROOT}deno.json`],
  bun: [],
  node: [],
};

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "interlock-examples-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The `ts` blocks of a Markdown page or of a source file's comments. */
function examplesIn(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8").replaceAll(/^ *\* ?/gm, "");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
}

function sources(): string[] {
  const under = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  return [
    "README.md",
    "mod.ts",
    ...under.filter((name) => name.endsWith(".ts")).map((name) => `src/${name}`),
  ];
}

const run = (file: string) =>
  promisify(execFile)(process.execPath, [...FLAGS[adapter.name], file], { timeout: 50_000 });

/** A program that imports from here, and uses the server and the folder of this test. */
function localized(code: string): string {
  const front = new URL("../mod.ts", import.meta.url).href;
  const redisFront = new URL("../src/redis/mod.ts", import.meta.url).href;
  return code.replaceAll('"@interlock/interlock"', JSON.stringify(front))
    .replaceAll('"@interlock/interlock/redis"', JSON.stringify(redisFront))
    .replaceAll(
      '"@interlock/interlock/diagnostics"',
      JSON.stringify(join(ROOT, "src/diagnostics.ts")),
    )
    .replaceAll("redis://127.0.0.1:6379", redis?.url ?? "")
    .replaceAll(/"\/(?:tmp|dev\/shm)\//g, `"${folder}/`);
}

let redis: RedisServer | undefined;
before(async () => {
  if (skip === false) redis = await RedisServer.start();
});
after(() => redis?.[Symbol.asyncDispose]());

describe("the examples in the documentation run", () => {
  for (const path of sources()) {
    examplesIn(path).forEach((code, i) => {
      const wantsRedis = code.includes("redis://");
      it(`${path}, number ${i + 1}`, { skip: wantsRedis && skip }, async () => {
        const file = join(folder, `${path.replaceAll("/", "_")}_${i}.ts`);
        writeFileSync(file, localized(code));
        await run(file);
        if (path !== "README.md") return;
        const left = readdirSync(folder).filter((name) => !name.endsWith(".ts"));
        const told = [...code.matchAll(/"\/tmp\/([\w.-]+)"/g)].map(([, name]) => name);
        assert.deepEqual(left.filter((name) => !told.includes(name)), [], "what it leaves");
        for (const name of left) {
          assert.ok(README.includes(`rm /tmp/${name}`), `it leaves ${name} and does not say so`);
          rmSync(join(folder, name), { recursive: true });
        }
      });
    });
  }
});

describe("the first program", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const parts = /^## A first program\n\n```ts\n(.*?)^```\n\n```sh\n(.*?)^```/ms.exec(readme);

  it("needs only the flags that README.md names", async () => {
    const [, program, commands] = parts!;
    const command = commands.split("\n").find((line) => line.startsWith(`${adapter.name} `))!;
    const [, ...args] = command.replace(/#.*/, "").trim().split(/ +/);
    writeFileSync(join(folder, "main.ts"), localized(program));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: folder });
    assert.match(stdout, /^\d+\n$/);
    assert.equal(stderr, "");
  });
});

describe("the examples in the folder run", () => {
  for (const name of readdirSync(join(ROOT, "examples")).filter((name) => name.endsWith(".ts"))) {
    it(name, async () => {
      const { stdout } = await run(join(ROOT, "examples", name));
      assert.match(stdout, /^\S.*\n$/, "it prints one line with its result");
    });
  }
});
