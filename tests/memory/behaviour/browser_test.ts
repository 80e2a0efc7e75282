import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { adapter } from "../../../src/runtime/mod.ts";
import { chromium } from "../../support/chromium.ts";

const LACKING = "CHROMIUM is MISSING (apt-get install chromium): memory in a page was NOT TESTED";
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** What the page has found out, each as text. */
interface Found {
  readonly shared: string;
  readonly named: string;
  readonly file: string;
}

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** Bundles the page and its worker, serves them, and opens the page in Chromium. */
async function open(path: string, headers: Record<string, string>): Promise<Found> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: { page: fixture("page.js"), worker: fixture("page_worker.js") },
    outdir: "/",
    bundle: true,
    platform: "browser",
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  const server = createServer(({ url }, response) => {
    const file = outputFiles.find(({ path }) => path === url);
    const type = file === undefined ? "text/html" : "text/javascript";
    response.writeHead(200, { ...headers, "content-type": type });
    response.end(file?.text ?? '<!doctype html><script type="module" src="/page.js"></script>');
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { chromium: driver } = await import("playwright-core");
  // The sandbox of Chromium refuses the user root.
  const browser = await driver.launch({ executablePath: path, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    const failed = new Promise<never>((_, reject) => page.once("pageerror", reject));
    const { port } = server.address() as AddressInfo;
    await page.goto(`http://127.0.0.1:${port}/`);
    await Promise.race([page.waitForFunction("globalThis.found"), failed]);
    return await page.evaluate<Found>("globalThis.found");
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

// Each runtime would bundle the same page, so only Node does.
if (adapter.name === "node") {
  const path = chromium();
  if (path === undefined) {
    if (process.env.INTERLOCK_NEEDS_ALL) throw new Error(LACKING);
    console.warn(LACKING);
  }

  describe("In a browser", { skip: path === undefined && LACKING }, () => {
    it("the workers of a page share memory", async () => {
      const { shared, named, file } = await open(path!, ISOLATED);
      const { blocked, ...rest } = JSON.parse(shared);
      assert.match(blocked, /^UnsupportedError: Cannot block the main thread of a page/);
      assert.deepEqual(rest, {
        before: 0,
        ends: ["counted", "counted", "counted"],
        sum: 6000,
        held: true,
        recovered: true,
        recovery: "web-locks",
      });
      assert.match(named, /^UnsupportedError: Cannot .*browser/);
      assert.match(file, /^UnsupportedError: Cannot .*browser/);
    });

    it("a page that is not isolated learns which headers it needs", async () => {
      const { shared } = await open(path!, {});
      assert.match(shared, /^UnsupportedError: .*Cross-Origin-Embedder-Policy: require-corp/);
    });
  });
}
