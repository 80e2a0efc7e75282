import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findRuntimes } from "../../src/counting/runtimes.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { type Ending, interlock } from "./interlock.ts";

const KEYS = [
  "strategy",
  "unit",
  "runtimes",
  "workers",
  "increments",
  "expected",
  "actual",
  "lost",
  "errors",
  "errorSamples",
  "countingMs",
  "totalMs",
  "nsPerIncrement",
  "startSkewUs",
];
const SMALL = ["--workers", "2", "--increments", "50"];

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function fails(ending: Ending, status: number, ...messages: RegExp[]): void {
  assert.equal(ending.status, status, ending.stderr);
  for (const message of messages) assert.match(ending.stderr, message);
  assert.doesNotMatch(ending.stderr, /^\s+at /m, "no stack trace");
}

describe("interlock", () => {
  it("explains itself", async () => {
    const [whole, count, version] = await Promise.all([
      interlock(["--help"]),
      interlock(["count", "--help"]),
      interlock(["--version"]),
    ]);
    assert.equal(whole.status, 0);
    assert.match(whole.stdout, /count/);
    assert.equal(count.status, 0);
    for (const flag of ["unit", "workers", "runtime", "granularity", "config", "cold", "json"]) {
      assert.match(count.stdout, new RegExp(`--${flag}`));
    }
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it("refuses what it does not know with status 2", async () => {
    fails(await interlock(["county"]), 2, /county/);
    fails(await interlock(["count", "--wrokers", "2"]), 2, /--wrokers/);
    fails(await interlock([]), 2);
  });
});

describe("interlock count", () => {
  it("names the field, what was given and what is allowed", async () => {
    const [workers, unit, strategy, runtimes, directory] = await Promise.all([
      interlock(["count", "--workers", "abc"]),
      interlock(["count", "--unit", "fiber", "--increments", "1.5"]),
      interlock(["count", "atomik"]),
      interlock(["count", "atomic", "--runtime", "deno,bun", "--workers", "1"]),
      interlock(["count", "atomic", "--dir", join(folder, "missing")]),
    ]);
    fails(workers, 2, /workers: given "abc"; allowed: a whole number from 1 to 256/);
    fails(
      unit,
      2,
      /unit: given "fiber"; allowed: process, worker/,
      /increments: given 1.5; allowed/,
    );
    fails(strategy, 2, /strategies: given "atomik"; allowed: file, file-lock, value/);
    fails(runtimes, 2, /workers: given 1; allowed: at least 2/);
    fails(directory, 2, /directory: given ".*missing"; allowed/);
  });

  it("takes a file, and flags over it", async () => {
    const file = join(folder, "count.json");
    writeFileSync(file, JSON.stringify({ strategies: ["atomic"], workers: 3, increments: 7 }));
    const { status, stdout, stderr } = await interlock([
      "count",
      "--config",
      file,
      "--workers",
      "2",
      "--json",
    ]);
    assert.equal(status, 0, stderr);
    const result = JSON.parse(stdout);
    assert.equal(result.workers, 2);
    assert.equal(result.actual, 14);
  });

  it("says what is wrong with a file, and names it", async () => {
    const broken = join(folder, "broken.json");
    writeFileSync(broken, "{");
    const wrong = join(folder, "wrong.json");
    writeFileSync(wrong, JSON.stringify({ workers: 0, wokers: 2 }));
    fails(await interlock(["count", "--config", broken]), 2, /broken\.json/);
    fails(
      await interlock(["count", "--config", wrong]),
      2,
      /wrong\.json/,
      /workers: given 0/,
      /wokers/,
    );
    fails(await interlock(["count", "--config", join(folder, "none.json")]), 2, /none\.json/);
  });

  it("prints one object a line", async () => {
    const { status, stdout, stderr } = await interlock([
      "count",
      "atomic",
      "file-lock",
      ...SMALL,
      "--repeat",
      "2",
      "--json",
    ]);
    assert.equal(status, 0, stderr);
    const results = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(results.map(({ strategy }) => strategy), [
      "atomic",
      "atomic",
      "file-lock",
      "file-lock",
    ]);
    for (const result of results) {
      assert.deepEqual(Object.keys(result), KEYS);
      assert.equal(result.actual, 100);
      assert.ok(result.countingMs > 0 && result.totalMs > result.countingMs);
    }
  });

  it("prints a table with versions, paths, a verdict and a foot, without colours", async () => {
    const { status, stdout, stderr } = await interlock(["count", "atomic", "file", ...SMALL]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`${adapter.name} ${adapter.version} \\(/.*\\)`));
    assert.match(stdout, /atomic .* 100 .* exact/);
    assert.match(stdout, /LOST [\d,]+ updates|exact this time/);
    assert.match(stdout, /Workers warm\. The text file is on \w+/);
    assert.ok(!stdout.includes("\x1b"), "no escape sequence");
    assert.equal(stderr, "", "no progress bar and no warning where there is no terminal");
  });

  it("passes over a runtime that is too old, and fails where fewer are found than asked for", async () => {
    const old = join(folder, "old");
    const real = join(folder, "real");
    mkdirSync(old);
    mkdirSync(real);
    const other = adapter.name === "node" ? "bun" : "node";
    writeFileSync(join(old, other), `#!/bin/sh\necho ${other} 1.0.0\n`);
    chmodSync(join(old, other), 0o755);
    const variable = `INTERLOCK_${other.toUpperCase()}`;
    const [{ path }] = await findRuntimes([other]);
    symlinkSync(path, join(real, other));
    const args = ["count", "atomic", ...SMALL, "--runtime", `${adapter.name},${other}`];

    const passed = await interlock(args, { [variable]: undefined, PATH: `${old}:${real}` });
    assert.equal(passed.status, 0, passed.stderr);
    assert.ok(passed.stdout.includes(join(real, other)), passed.stdout);

    const nowhere = { [variable]: undefined, PATH: old, XDG_CACHE_HOME: "/dev/null" };
    fails(await interlock(args, nowhere), 1, new RegExp(`${join(old, other)} \\(1\\.0\\.0\\)`));
    fails(await interlock(args, { [variable]: join(old, other) }), 1, new RegExp(variable));
  });
});
