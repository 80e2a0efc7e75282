import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { pageOf } from "../../../bench/report/page.ts";
import { newest, readResults } from "../../../bench/results.ts";
import { adapter } from "../../../src/runtime/mod.ts";
import { chromium } from "../../support/chromium.ts";
import {
  contrasts,
  kindsOfCharts,
  lookAtCharts,
  paper,
  widthWithTables,
} from "./fixtures/looks.mjs";
import { run as madeUp } from "./fixtures/runs.ts";

const SAMPLE = new URL("../fixtures/results.json", import.meta.url);
const QUESTIONS = ["counter", "lock", "scaling", "runtime", "safety", "rivals", "latency"];
const SERIES = ["deno", "bun", "node", "c"];

const TEXTS = ["ink", "quiet", "good", "bad"];

const sample = pageOf(readResults(SAMPLE));
/** The sample, and the newest real run, if there is one. */
const pages = [{ name: "a sample", page: sample }];
const run = newest(() => true);
if (run !== undefined) pages.push({ name: run.file, page: pageOf(run.results) });

describe("the page", () => {
  it("loads nothing and runs no script", async () => {
    const page = await sample;
    assert.doesNotMatch(page, /<script|<link(?! rel="icon" href="data:,")|@import|\ssrc=|url\(/i);
    const addresses = page.match(/https?:[^"'\s<]*/g) ?? [];
    assert.deepEqual([...new Set(addresses)], ["http://www.w3.org/2000/svg"]);
  });

  it("has each chart for wide and narrow screens, with its table", async () => {
    const page = await sample;
    for (const id of QUESTIONS) {
      const [, section] = new RegExp(`<section id="${id}">(.*?)</section>`, "s").exec(page)!;
      assert.equal(
        section.match(/<div class="(wide|narrow)"><svg [^>]* role="img"/g)?.length,
        2,
        id,
      );
      assert.match(section, /<details>.*<table>.*<td>/s, id);
    }
  });

  it("has one count of the goals", async () => {
    const page = await sample;
    const [, count] = /<h1>[\d,]+ figures; (\d+ of \d+) goals met<\/h1>/.exec(page)!;
    assert.match(page, new RegExp(`<strong>${count}</strong> goals are met in every runtime`));
  });

  it("escapes texts of the machine", async () => {
    const results = madeUp([], { missing: [{ what: "<b>&", todo: 'say "x"' }] });
    assert.match(await pageOf(results), / Not measured: &lt;b&gt;&amp;; say &quot;x&quot;\.</);
  });

  it("warns of rough figures", async () => {
    const page = await pageOf(madeUp([], { mode: "quick", filter: "mutex" }));
    assert.match(page, /A quick run: .* Only a part of the benchmark: mutex\./);
    const busy = madeUp([]);
    busy.machine.load.before = 3.59;
    assert.match(await pageOf(busy), /The machine was not idle: load average 3\.59 /);
    assert.doesNotMatch(await pageOf(madeUp([])), /class="warning"/);
  });
});

// Each runtime writes the same page, and these tests are about the browser, so only Node runs them.
if (adapter.name === "node") {
  const path = chromium();
  const lacking = "CHROMIUM is MISSING (apt-get install chromium): the page was NOT TESTED";
  if (path === undefined) console.warn(lacking);
  const skip = path === undefined && lacking;

  it(
    "can be tested in a browser",
    { skip: process.env.INTERLOCK_NEEDS_ALL ? false : skip },
    () => {
      assert.ok(path, lacking);
    },
  );

  for (const { name, page: written } of pages) {
    describe(`the page of ${name} in Chromium`, () => {
      let browser: Browser;
      let page: Page;
      let address = "";
      const folder = mkdtempSync(join(tmpdir(), "interlock-report-"));
      const said: string[] = [];
      const asked: string[] = [];

      before(async () => {
        if (skip) return;
        const file = join(folder, "report.html");
        writeFileSync(file, await written);
        address = pathToFileURL(file).href;
        const { chromium: driver } = await import("playwright-core");
        // The sandbox of Chromium refuses the user root.
        browser = await driver.launch({ executablePath: path, args: ["--no-sandbox"] });
        page = await browser.newPage();
        page.on("console", (message) => said.push(message.text()));
        page.on("pageerror", (error) => said.push(error.message));
        page.on("request", (request) => asked.push(request.url()));
        await page.goto(address);
      });
      after(async () => {
        await browser?.close();
        rmSync(folder, { recursive: true, force: true });
      });

      for (const width of [380, 800, 1400]) {
        it(`shows all charts, complete and readable, at ${width} pixels`, { skip }, async () => {
          await page.setViewportSize({ width, height: 900 });
          const looks = await page.evaluate(lookAtCharts);
          const sections = looks.map(({ section }) => section);
          assert.deepEqual(
            sections,
            QUESTIONS.filter((id) => name === "a sample" || sections.includes(id)),
          );
          for (const { section, cut, covered, ...look } of looks) {
            assert.ok(look.width > 300 && look.height > 150, `${section}: ${look.height} high`);
            assert.ok(look.left >= 0 && look.right <= width, `${section} is beside the page`);
            assert.ok(look.marks > 5, `${section} has ${look.marks} points`);
            assert.deepEqual(cut, [], `${section}: texts outside the chart`);
            assert.deepEqual(covered, [], `${section}: texts over each other`);
            assert.ok(look.title.endsWith("?") && look.description.length > 20, section);
          }
          const wide = await page.evaluate(widthWithTables);
          assert.ok(wide <= width, `${wide} pixels wide, with open tables`);
        });
      }

      for (const colorScheme of ["light", "dark"] as const) {
        it(`has enough contrast in ${colorScheme}`, { skip }, async () => {
          await page.emulateMedia({ colorScheme });
          for (const [name, contrast] of await page.evaluate(contrasts, TEXTS)) {
            assert.ok(contrast >= 4.5, `${name}: ${contrast}`);
          }
          for (const [series, contrast] of await page.evaluate(contrasts, SERIES)) {
            assert.ok(contrast >= 3, `${series}: ${contrast}`);
          }
          const [red] = /\d+/.exec(await page.evaluate(paper))!;
          assert.ok(colorScheme === "dark" ? Number(red) < 60 : Number(red) > 200, red);
        });
      }

      it("prints the wide charts on white", { skip }, async () => {
        await page.setViewportSize({ width: 380, height: 900 });
        await page.emulateMedia({ colorScheme: "dark", media: "print" });
        assert.deepEqual(await page.evaluate(kindsOfCharts), ["wide", "paper"]);
        assert.equal(await page.evaluate(paper), "rgb(255, 255, 255)");
        for (const [name, contrast] of await page.evaluate(contrasts, TEXTS)) {
          assert.ok(contrast >= 4.5, `${name}: ${contrast}`);
        }
        const pdf = await page.pdf({ format: "A4" });
        assert.equal(new TextDecoder().decode(pdf.subarray(0, 5)), "%PDF-");
      });

      it("has loaded only itself, without errors", { skip }, () => {
        assert.deepEqual(said, []);
        assert.deepEqual(asked, [address]);
      });
    });
  }
}
