import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { answersTo } from "../../bench/report/answers/all.ts";
import { documentation } from "../../bench/report/docs.ts";
import { readResults } from "../../bench/results.ts";
import { COMMAND } from "../cli/interlock.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";

const SAMPLE = fileURLToPath(new URL("../bench/fixtures/results.json", import.meta.url));
const MAIN = fileURLToPath(new URL("../../bench/report/main.ts", import.meta.url));
const run = promisify(execFile);
const report = (...args: string[]) =>
  run(process.execPath, [...COMMAND.slice(1, -1), MAIN, ...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );

describe("the documentation of a run", () => {
  const results = readResults(SAMPLE);
  let files = new Map<string, string>();
  before(async () => {
    files = await documentation(results, "sample.json", answersTo(results));
  });

  it("is pages, charts for light and for dark, and the figures of advise", () => {
    assert.deepEqual([...files.keys()].sort(), [
      "README.md",
      "cli/advice/figures.json",
      "docs/charts/rivals-dark.svg",
      "docs/charts/rivals-light.svg",
      "docs/charts/scaling-dark.svg",
      "docs/charts/scaling-light.svg",
      "docs/performance.md",
    ]);
  });

  it("leaves no place in the pages empty", () => {
    for (const path of ["README.md", "docs/performance.md"]) {
      const blocks = [...files.get(path)!.matchAll(/<!-- report: (\S+) -->(.*?)<!-- \/report/gs)];
      assert.ok(blocks.length > 0, path);
      for (const [, name, block] of blocks) assert.ok(block.trim().length > 20, name);
    }
    assert.match(files.get("docs/performance.md")!, /\[sample\.json\]\(\.\.\/bench\/results\/sa/);
  });

  it("shows charts that stand alone: colours of their own, and words", () => {
    for (const name of ["rivals", "scaling"]) {
      const [light, dark] = ["light", "dark"].map((theme) =>
        files.get(`docs/charts/${name}-${theme}.svg`)!
      );
      for (const svg of [light, dark]) {
        assert.doesNotMatch(svg, /var\(/);
        assert.match(svg, /^<svg xmlns="[^"]+" width="\d+" .*<title .*\?<\/title><desc /);
      }
      assert.notEqual(light, dark);
      assert.match(files.get("README.md")!, new RegExp(`alt="[^"]{40,}" src="docs/charts/${name}`));
    }
  });

  it("has the figures that advise asks for", () => {
    const { run, ns } = JSON.parse(files.get("cli/advice/figures.json")!);
    assert.equal(run.when, results.when);
    assert.ok(ns["atomics/add/interlock/bun/mapped/alone/1"] > 0);
    assert.ok(Object.keys(ns).length < results.rows.length / 4, "and no more");
  });
});

describe("report", () => {
  it("writes the page of the run that it is given, and nothing else", async () => {
    await inScratchFolder(async (folder) => {
      const page = join(folder, "new", "page.html");
      const { code, stdout, stderr } = await report(SAMPLE, "--out", page);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^file:\/\/\/.*page\.html: [\d,]+ figures of results\.json\n$/);
      assert.match(readFileSync(page, "utf8"), /^<!doctype html>/);
    });
  });

  it("says which files are not of the run", async () => {
    const { code, stderr } = await report(SAMPLE, "--check");
    assert.equal(code, 1);
    assert.match(stderr, /^Not what results\.json gives: .*docs\/performance\.md.*--docs`\n$/);
  });

  it("says what is wrong with a file that is no run", async () => {
    const { code, stderr } = await report(
      fileURLToPath(new URL("../../deno.json", import.meta.url)),
    );
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot read .*deno\.json: not the results of a bench:\n/);
  });
});
