import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { documentation } from "../../../bench/report/docs.ts";
import { forDocumentation } from "../../../bench/report/runs.ts";
import { readResults } from "../../../bench/results.ts";
import { SUBJECTS } from "../../../bench/subjects/mod.ts";
import { COMMAND } from "../../cli/interlock.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";

const SAMPLE = fileURLToPath(new URL("../fixtures/results.json", import.meta.url));
const MAIN = fileURLToPath(new URL("../../../bench/report/main.ts", import.meta.url));
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
    files = await documentation(results, "sample.json");
  });

  it("consists of pages, light and dark charts, and the figures of advise", () => {
    assert.deepEqual([...files.keys()].sort(), [
      "README.md",
      "docs/charts/rivals-dark.svg",
      "docs/charts/rivals-light.svg",
      "docs/charts/scaling-dark.svg",
      "docs/charts/scaling-light.svg",
      "docs/performance.md",
      "src/advice/figures.json",
    ]);
  });

  it("leaves no block of the pages empty", () => {
    for (const path of ["README.md", "docs/performance.md"]) {
      const blocks = [...files.get(path)!.matchAll(/<!-- report: (\S+) -->(.*?)<!-- \/report/gs)];
      assert.ok(blocks.length > 0, path);
      for (const [, name, block] of blocks) assert.ok(block.trim().length > 20, name);
    }
    assert.match(files.get("docs/performance.md")!, /\[sample\.json\]\(\.\.\/bench\/results\/sa/);
  });

  it("has charts with colours and descriptions of their own", () => {
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

  it("says in README.md what was measured, and if the machine was not idle", async () => {
    const busy = { ...results, machine: { ...results.machine, load: { before: 9, after: 9 } } };
    const readme = (await documentation(busy, "busy.json")).get("README.md")!;
    assert.match(
      readme,
      /\nMeasured \d{4}-\d\d-\d\d, \d+ cores? of .*\*\*The machine was\snot idle/s,
    );
  });

  it("has the figures that advise needs", () => {
    const { run, ns } = JSON.parse(files.get("src/advice/figures.json")!);
    assert.equal(run.when, results.when);
    assert.ok(ns["atomics/add/interlock/bun/mapped/alone/1"] > 0);
    assert.ok(Object.keys(ns).length < results.rows.length / 4, "and no more");
  });
});

const inSentence = (claim: string) => claim[0].toUpperCase() + claim.slice(1);

describe("docs/performance.md outside of its blocks", () => {
  const FIGURE = /\d ?(?:ns|us|µs|ms|s|min|minutes|x|×|%|times)(?![a-z])|\d times/;
  const page = readFileSync(new URL("../../../docs/performance.md", import.meta.url), "utf8");
  const byHand = page.replaceAll(/<!-- report: .*?<!-- \/report -->/gs, "")
    .replaceAll(/\s+/g, " ");
  const claims = SUBJECTS.flatMap(({ goals }) => goals)
    .map(({ claim }) => inSentence(claim));
  const [, tried] = byHand.split("## What was tried");
  const explained = [...tried.matchAll(/- \*\*(.+?)\*\*: /g)].flatMap(([, all]) => all.split("; "));

  it("has no measured figure", () => {
    assert.ok(byHand.length < page.length / 2);
    assert.doesNotMatch(claims.reduce((text, claim) => text.replaceAll(claim, ""), byHand), FIGURE);
  });

  it("explains goals that exist, and each goal that the newest run misses", () => {
    assert.deepEqual(explained.filter((claim) => !claims.includes(claim)), []);
    const missed = forDocumentation()!.results.goals.filter(({ met }) => !met)
      .map(({ claim }) => inSentence(claim));
    assert.deepEqual(missed.filter((claim) => !explained.includes(claim)), []);
  });
});

describe("report", () => {
  it("writes only the page of the given run", async () => {
    await inScratchFolder(async (folder) => {
      const page = join(folder, "new", "page.html");
      const { code, stdout, stderr } = await report(SAMPLE, "--out", page);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^file:\/\/\/.*page\.html: [\d,]+ figures of results\.json\n$/);
      assert.match(readFileSync(page, "utf8"), /^<!doctype html>/);
    });
  });

  it("reports which files are out of date with the run", async () => {
    const { code, stderr } = await report(SAMPLE, "--check");
    assert.equal(code, 1);
    assert.match(stderr, /^Out of date with results\.json: .*docs\/performance\.md.*--docs`\n$/);
  });

  it("reports what is wrong with a file that is not a run", async () => {
    const { code, stderr } = await report(
      fileURLToPath(new URL("../../../deno.json", import.meta.url)),
    );
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot read .*deno\.json: not the results of a benchmark:\n/);
  });
});
