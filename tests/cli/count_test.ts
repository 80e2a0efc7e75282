import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findRuntimes, NEEDED } from "../../src/host/runtimes.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { childrenOf, COMMAND, type Ending, Interlock, interlock, until } from "./interlock.ts";

const KEYS = [
  "strategy",
  "granularity",
  "exact",
  "verdict",
  "unit",
  "runtimes",
  "versions",
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
  "machine",
];
const SMALL = ["--workers", "2", "--increments", "50"];

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "interlock-test-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function fails(
  ending: Pick<Ending, "status" | "stderr">,
  status: number,
  ...messages: RegExp[]
): void {
  assert.equal(ending.status, status, ending.stderr);
  for (const message of messages) assert.match(ending.stderr, message);
  assert.doesNotMatch(ending.stderr, /^\s+at /m, "no stack trace");
}

describe("interlock", () => {
  it("prints help and its version", async () => {
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
    for (const { stdout } of [whole, count]) {
      assert.match(stdout, /\nExamples:\n {2}interlock count\n {6}\S/);
      assert.match(stdout, /\nExit status:\n {2}0 .*\n {2}1 .*\n {2}2 /);
      assert.ok(stdout.split("\n").every((line) => line.length <= 80), stdout);
    }
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it("rejects unknown commands and options with status 2", async () => {
    fails(await interlock(["county"]), 2, /county/);
    fails(await interlock(["count", "--wrokers", "2"]), 2, /--wrokers/);
    fails(await interlock([]), 2);
  });
});

describe("interlock count", () => {
  it("names each wrong option, what it must be and what was given", async () => {
    const [workers, unit, strategy, runtimes, directory] = await Promise.all([
      interlock(["count", "--workers", "abc"]),
      interlock(["count", "--unit", "fiber", "--increments", "1.5"]),
      interlock(["count", "atomik"]),
      interlock(["count", "atomic", "--runtime", "deno,bun", "--workers", "1"]),
      interlock(["count", "atomic", "--dir", join(folder, "missing")]),
    ]);
    fails(workers, 2, /--workers must be a whole number from 1 to 256 \(given "abc"\)/);
    fails(
      await interlock(["count", "-w", "10_0k", "-n1e3", "-u", "proces"]),
      2,
      /-w must be a whole number from 1 to 256 \(given 100000\)/,
      /-u must be process or worker \(given "proces"\); did you mean process\?/,
    );
    fails(
      unit,
      2,
      /--unit must be process or worker \(given "fiber"\)/,
      /--increments must be .* \(given 1\.5\)/,
    );
    fails(strategy, 2, /strategies must be .* \(given "atomik"\); did you mean atomic\?/);
    fails(runtimes, 2, /--workers must be at least 2, one for each of deno, bun \(given 1\)/);
    fails(directory, 2, /--dir must be an existing folder \(given ".*missing"\)/);
  });

  it("reads a file, over which flags take precedence", async () => {
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

  it("finds its file in the current folder, and reads one from the standard input", () => {
    const own = join(folder, "interlock.config.json");
    const settings = { strategies: ["atomic"], workers: 2, increments: 7, json: true };
    // As some editors write it.
    writeFileSync(own, `\ufeff${JSON.stringify(settings)}`);
    const runIn = (args: string[], input = "") =>
      spawnSync(COMMAND[0], [...COMMAND.slice(1), "count", ...args], {
        cwd: folder,
        encoding: "utf8",
        input,
      });
    const found = runIn(["-n", "1k"]);
    assert.equal(found.status, 0, found.stderr);
    assert.equal(JSON.parse(found.stdout).actual, 2000);
    assert.match(found.stderr, /^Using the settings in interlock\.config\.json/);
    const piped = runIn(["--config", "-"], JSON.stringify({ ...settings, increments: 8 }));
    assert.equal(piped.status, 0, piped.stderr);
    assert.equal(JSON.parse(piped.stdout).actual, 16);

    writeFileSync(own, JSON.stringify({ strategies: ["atomic"], granularity: "call" }));
    fails(runIn([]), 2, /invalid settings in interlock\.config\.json:\n {2}granularity must be/);
    writeFileSync(own, JSON.stringify({ granularity: "call" }));
    fails(
      runIn(["atomic"]),
      2,
      /granularity in interlock\.config\.json must be increment with atomic/,
    );
    fails(runIn(["atomic", "--no-config", "-w", "0"]), 2, /the command line:\n {2}-w must be/);
    rmSync(own);
  });

  it("names a wrong file and what is wrong with it", async () => {
    const broken = join(folder, "broken.json");
    writeFileSync(broken, '{\n  "redis": "redis://me:secret@host",\n}');
    const wrong = join(folder, "wrong.json");
    writeFileSync(wrong, JSON.stringify({ workers: 0, wokers: 2 }));
    const readings: readonly (readonly [file: string, ...says: RegExp[]])[] = [
      [
        broken,
        /^Cannot read the settings in .*broken\.json: it is not valid JSON: line 3, column 1$/m,
      ],
      [
        wrong,
        /wrong\.json/,
        /workers must be .* \(given 0\)/,
        /"wokers" is not a setting; did you mean workers\?/,
      ],
      [
        "/no.json",
        /^Cannot read the settings in "\/no\.json": no such file or directory \(ENOENT\)/,
      ],
      [folder, /^Cannot read the settings in ".*": it is a directory \(EISDIR\)/],
    ];
    await Promise.all(readings.map(async ([file, ...says]) => {
      const ending = await interlock(["count", "--config", file]);
      fails(ending, 2, ...says);
      assert.doesNotMatch(ending.stderr, /secret/);
    }));
  });

  it("says that the output is full, or that a home cannot be made", () => {
    const full = ["sh", "-c", '"$@" > /dev/full', "sh", ...COMMAND];
    const says = /^Cannot write to "\/dev\/stdout": no space left .*\(ENOSPC\)$/m;
    for (const args of [["count", "atomic", ...SMALL], ["--help"]]) {
      const run = spawnSync(full[0], [...full.slice(1), ...args], { encoding: "utf8" });
      fails(run, 1, says);
    }
    const args = ["count", "atomic", ...SMALL];
    // Node never stops trying to make a folder below /proc.
    const env = { ...process.env, HOME: "/proc/x", XDG_CACHE_HOME: undefined };
    const options = { env, encoding: "utf8", timeout: 100_000, killSignal: "SIGKILL" } as const;
    const { status, stderr } = spawnSync(COMMAND[0], [...COMMAND.slice(1), ...args], options);
    assert.equal(status, 0, stderr);
  });

  it("prints one JSON object per line", async () => {
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
    for (const [i, result] of results.entries()) {
      // The second run of a strategy has the statistics of both.
      assert.deepEqual(Object.keys(result), i % 2 === 0 ? KEYS : [...KEYS, "statistics"]);
      assert.equal(result.actual, 100);
      assert.equal(result.exact, true);
      assert.equal(result.verdict, "exact");
      assert.equal(result.granularity, "increment");
      assert.deepEqual(result.versions, { [adapter.name]: adapter.version });
      assert.match(result.machine, /^\d+ x .*, linux /);
      assert.ok(result.countingMs > 0 && result.totalMs > result.countingMs);
    }
    const costs = results.slice(0, 2).map(({ nsPerIncrement }) => nsPerIncrement);
    const { runs, nsPerIncrement, lost } = results[1].statistics;
    assert.equal(runs, 2);
    assert.equal(nsPerIncrement.least, Math.min(...costs));
    assert.equal(nsPerIncrement.most, Math.max(...costs));
    assert.equal(nsPerIncrement.mean, (costs[0] + costs[1]) / 2);
    assert.deepEqual(lost, { mean: 0, deviation: 0, median: 0, least: 0, most: 0 });
  });

  it("prints a story with versions, paths, verdicts and a footer, without colours", async () => {
    const args = ["count", "atomic", "file", "file-lock", ...SMALL];
    const { status, stdout, stderr } = await interlock(args, { COLUMNS: undefined });
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`${adapter.name} ${adapter.version}\\s\\(/.*\\)`));
    assert.match(stdout, /^Two processes of \w+ add to one number, many times\.$/m);
    assert.match(stdout, /^An atomic add: .*\n.*\natomic +2 x 50 +100 .* exact$/m);
    assert.match(stdout, /^file .*(?:LOST \d+|exact by luck)$/m);
    assert.match(
      stdout,
      /^file-lock .*exact\n {2}1 read gave no number, and counted as 0: "" is /m,
    );
    assert.match(stdout, /^ {2}file lost .* at [\d,.]+ ns; exact: file-lock [\d,.]+$/m);
    assert.match(stdout, /Prefer what your team understands/);
    assert.match(stdout, /Workers warm\. The text\s+file\s+is on \w+/);
    assert.ok(!stdout.includes("\x1b"), "no escape sequence");
    assert.equal(stderr, "", "no progress bar and no warning without a terminal");
  });

  it("finds a number of increments, the same for all runs of a strategy", async () => {
    const args = ["count", "file-lock", "--granularity", "call", "--workers", "2"];
    const { status, stdout, stderr } = await interlock([...args, "--repeat", "2", "--json"]);
    assert.equal(status, 0, stderr);
    const [first, second] = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.match(String(first.increments), /^[125]0+$/);
    assert.equal(first.granularity, "call");
    assert.equal(second.increments, first.increments);
    assert.equal(second.actual, 2 * first.increments);
  });

  it("fails if a count that must be exact was not", async () => {
    const command = new Interlock(["count", "file-lock", "--workers", "2", "--increments", "20k"]);
    const child = await until(
      "a worker",
      () => childrenOf(command.process.pid!).find(({ role }) => role === "worker"),
    );
    // This process does not take the lock, so it takes the workers' count away, again and again.
    let hasEnded = false;
    command.ended.finally(() => hasEnded = true);
    while (!hasEnded) {
      try {
        writeFileSync(child.worker.file, "7\n", { flag: "r+" });
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ENOENT", "the run has removed it");
      }
      await sleep(1);
    }
    const { status, stdout, stderr } = await command.ended;
    assert.equal(status, 1, stderr);
    assert.match(stdout, /^file-lock .* LOST [\d,]+\n {2}file-lock must be exact and was not/m);
    assert.equal(stderr, "Must be exact, and was not: file-lock\n");
  });

  it("prints CSV and Markdown", async () => {
    const args = ["count", "atomic", "striped", ...SMALL, "--repeat", "2"];
    const [csv, markdown] = await Promise.all([
      interlock([...args, "--csv"]),
      interlock([...args, "--markdown"]),
    ]);
    assert.equal(csv.status, 0, csv.stderr);
    const [head, ...rows] = csv.stdout.trim().split("\n").map((line) => line.split(","));
    assert.deepEqual(head.slice(0, 6), [
      ...["strategy", "mean_ns", "stddev_ns", "median_ns", "min_ns", "max_ns"],
    ]);
    assert.deepEqual(rows.map(([strategy]) => strategy), ["atomic", "striped"]);
    for (const row of rows) {
      assert.equal(row.length, head.length);
      assert.equal(row[head.indexOf("runs")], "2");
      assert.equal(row[head.indexOf("verdict")], "exact");
      const [mean, , , min, max] = row.slice(1, 6).map(Number);
      assert.ok(0 < min && min <= mean && mean <= max, row.join());
    }
    assert.equal(markdown.status, 0, markdown.stderr);
    const lines = markdown.stdout.trim().split("\n");
    assert.match(
      lines[0],
      /^\| Strategy \| Increments \| Mean \[ns\] \| Min \[ns\] \| Max \[ns\] \| Relative/,
    );
    assert.match(lines[1], /^\| :--- \| ---: /);
    assert.match(lines[2], /^\| `atomic` \| 2 x 50 \| [\d,.]+ ± [\d,.]+ \| .* \| exact \|$/);
    assert.equal(lines.filter((line) => line.includes(" | 1.00 | ")).length, 1, "the fastest");
  });

  it("wraps nothing in 60 columns", async () => {
    const args = ["count", "file", "file-lock", "value", ...SMALL];
    const { status, stdout } = await interlock(args, { COLUMNS: "60" });
    assert.equal(status, 0);
    const long = stdout.split("\n").filter((line) => line.length > 60 && line.includes(" "));
    assert.deepEqual(long, [], "only a path may be longer");
  });

  it("ignores a runtime that is too old, and fails if one is missing", async () => {
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
    const none = { [variable]: join(old, "none") };
    fails(
      await interlock(args, none),
      1,
      /old\/none: it does not run \(ENOENT\); \w+ [\d.]+ or newer/,
    );
    const another = { [variable]: process.execPath };
    fails(await interlock(args, another), 1, new RegExp(`: it is not ${other};|it does not run`));
  });

  it("says what to remove if a runtime from npm is incomplete", async () => {
    const other = adapter.name === "node" ? "bun" : "node";
    const cache = join(folder, "cache");
    const incomplete = join(cache, "interlock", "runtimes", `${other}-${NEEDED[other].fetched}`);
    mkdirSync(incomplete, { recursive: true, mode: 0o700 });
    const env = {
      [`INTERLOCK_${other.toUpperCase()}`]: undefined,
      PATH: "/nonexistent",
      XDG_CACHE_HOME: cache,
    };
    const ending = await interlock(["count", "atomic", ...SMALL, "--runtime", other], env);
    fails(ending, 1, new RegExp(`is incomplete\\. Remove "${incomplete}"`));
    assert.doesNotMatch(ending.stderr, /Fetching/);
  });

  it("removes what is left of a run whose removal was not finished", async () => {
    const runs = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const left = join(runs, `interlock-${process.getuid!()}`, `count-left-${process.pid}`);
    mkdirSync(left, { recursive: true, mode: 0o700 });
    writeFileSync(join(left, "alive.lock"), "");
    const { status, stderr } = await interlock(["count", "atomic", ...SMALL]);
    assert.equal(status, 0, stderr);
    assert.equal(existsSync(left), false);
  });

  it("says in which folder it cannot make files", async () => {
    const ending = await interlock(["count", "file", ...SMALL, "--dir", "/sys"]);
    fails(ending, 1, /^Cannot make a folder in "\/sys": .+ \(E[A-Z]+\)$/m);
  });

  // A user namespace in which this user has a number without a name.
  const unnamed = ["unshare", "--user", `--map-user=${54321 + process.getuid!()}`];
  const skip = spawnSync(unnamed[0], [...unnamed.slice(1), "true"]).status !== 0 &&
    "this machine permits no user namespaces";
  it("runs as a user without a name and a home", { skip }, () => {
    const command = [...unnamed, ...COMMAND, "count", "atomic", ...SMALL];
    const options = { env: { PATH: process.env.PATH, TMPDIR: folder }, encoding: "utf8" } as const;
    const { status, stderr } = spawnSync(command[0], command.slice(1), options);
    assert.equal(status, 0, stderr);
  });
});
