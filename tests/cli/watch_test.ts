import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { News } from "../../cli/watch_cards.ts";
import { Segment } from "../../mod.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { contrasts } from "../bench/report/fixtures/looks.mjs";
import { Child } from "../support/child.ts";
import { chromium } from "../support/chromium.ts";
import { inScratchFolder } from "../support/scratch_folder.ts";
import { unfit } from "./fixtures/looks.mjs";
import { Interlock, interlock, until } from "./interlock.ts";

const DEADLINE = { timeout: 120_000 };
const HOLDER = new URL("../memory/fixtures/holding_process.ts", import.meta.url);

/** A page that is served, until the end of a test. */
class Served implements AsyncDisposable {
  readonly #interlock: Interlock;
  readonly address: URL;

  private constructor(interlock: Interlock, address: string) {
    this.#interlock = interlock;
    this.address = new URL(address);
  }

  static async start(directory: string, ...args: string[]): Promise<Served> {
    chmodSync(directory, 0o700);
    const interlock = new Interlock(["watch", "--web", ...args], { INTERLOCK_DIR: directory });
    const address = await until("the address", () => /http:\S+(?=\n)/.exec(interlock.stdout)?.[0]);
    return new Served(interlock, address);
  }

  /** The address of a path, with the token. */
  at(path: string): URL {
    return new URL(path + this.address.search, this.address);
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    process.kill(this.#interlock.process.pid!, signal);
    return (await this.#interlock.ended).status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#interlock.process.exitCode === null) await this.end("SIGKILL").catch(() => {});
  }
}

/** The status and the headers of an answer, whose rest is not read. */
async function ask(
  address: URL,
  method = "GET",
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const asking = request(address, { method, headers }).end();
  const [response] = await once(asking, "response");
  asking.on("error", () => {});
  response.destroy();
  return response;
}

/** The first news of a page. */
async function firstNews(address: URL): Promise<News> {
  const response = await fetch(address);
  let text = "";
  for await (const bytes of response.body!) {
    text += new TextDecoder().decode(bytes);
    if (text.includes("\n\n")) break;
  }
  return JSON.parse(text.slice("data: ".length));
}

describe("interlock watch --web", () => {
  it(
    "shows segments to the holder of the token, and changes nothing",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        using segment = Segment.open("jobs", { directory });
        segment.counter("done").add(1234);
        using _guard = segment.mutex("door").acquireSync();
        await using served = await Served.start(directory);
        const before = readFileSync(join(directory, "jobs"));
        const page = await fetch(served.address);
        assert.equal(page.status, 200);
        assert.match(page.headers.get("content-type")!, /^text\/html/);
        assert.match(await page.text(), /^<!doctype html>/);
        const policy = page.headers.get("content-security-policy")!;
        assert.match(policy, /^default-src 'none'; connect-src 'self'; .*frame-ancestors 'none'$/);
        assert.doesNotMatch(policy, /unsafe|https?:|\*/);
        assert.equal(page.headers.get("access-control-allow-origin"), null);
        assert.equal(page.headers.get("cache-control"), "no-store");

        const { cards, order, title } = await firstNews(served.at("/events"));
        assert.equal(title, "All is well");
        assert.deepEqual(order.map((id) => cards[id].name), ["door", "done"]);
        const [door, done] = order.map((id) => cards[id]);
        assert.equal(door.state, "held");
        assert.match(door.lines[0][0], new RegExp(`^Held by .*process ${process.pid}`));
        assert.equal(done.value, "1,234");
        assert.ok(readFileSync(join(directory, "jobs")).equals(before), "the file has changed");
        assert.equal(segment.slots.used, 1);

        const filtered = new URL(served.at("/events"));
        filtered.searchParams.set("filter", "DON");
        assert.deepEqual(Object.keys((await firstNews(filtered)).cards).length, 1);
        assert.equal(await served.end("SIGINT"), 130);
      }),
  );

  it(
    "refuses others: without the token, by another name, to change something",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        await using served = await Served.start(directory, "--port", "0");
        const { host, port } = served.address;
        const own = served.at("/");
        for (
          const [address, status, method, name] of [
            [`http://${host}/`, 403],
            [`http://${host}/events`, 403],
            [`http://${host}/?token=`, 403],
            [`${own}x`, 403],
            [own, 403, "GET", `evil.example:${port}`],
            [served.at("/events"), 403, "GET", "evil.example"],
            [own, 200, "GET", `localhost:${port}`],
            [own, 405, "POST"],
            [own, 405, "DELETE"],
            [served.at("/favicon.ico"), 404],
            [`${served.address.origin}//x:y/${served.address.search}`, 404],
            [`${served.address.origin}/%/${served.address.search}`, 404],
          ] as const
        ) {
          const response = await ask(new URL(address), method, { host: name ?? host });
          assert.equal(response.statusCode, status, `${method} ${address} by ${name}`);
          assert.match(`${response.headers["content-security-policy"]}`, /^default-src 'none'/);
        }
      }),
  );

  it(
    "goes on if a segment is missing, and shows it when it is there",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        await using served = await Served.start(directory, "jobs");
        const news = async () => {
          return await firstNews(served.at("/events")) as News & { problem?: string };
        };
        assert.match((await news()).problem!, /no such segment/);
        using _segment = Segment.open("jobs", { directory });
        const { groups } = await until("the segment", async () => {
          const found = await news();
          return found.problem === undefined && found;
        });
        assert.deepEqual(groups!.map(({ name }) => name), ["jobs"]);
      }),
  );

  it(
    "reports a wrong command line, and a port that is in use",
    DEADLINE,
    () =>
      inScratchFolder(async (directory) => {
        for (
          const [args, why] of [[["watch"], /give --web/], [["watch", "--web", "-p", "x"], /-p/]]
        ) {
          const { status, stderr } = await interlock(args as string[]);
          assert.equal(status, 2);
          assert.match(stderr, why as RegExp);
        }
        await using served = await Served.start(directory);
        const { status, stderr } = await interlock(["watch", "--web", "-p", served.address.port]);
        assert.equal(status, 1);
        assert.match(stderr, /EADDRINUSE|in use/);
      }),
  );
});

// Each runtime serves the same page, and these tests are about the browser, so only Node runs them.
if (adapter.name === "node") {
  const path = chromium();
  const lacking = "CHROMIUM is MISSING (apt-get install chromium): the live page was NOT TESTED";
  if (path === undefined) {
    if (process.env.INTERLOCK_NEEDS_ALL) throw new Error(lacking);
    console.warn(lacking);
  }

  describe(
    "The page of interlock watch in Chromium",
    { skip: path === undefined && lacking },
    () => {
      /** Opens the page, and fails if it reports an error or loads from elsewhere. */
      async function withPage(
        served: Served,
        body: (page: Page, said: string[]) => Promise<void>,
      ): Promise<void> {
        const { chromium: driver } = await import("playwright-core");
        // The sandbox of Chromium refuses the user root.
        const browser: Browser = await driver.launch({
          executablePath: path,
          args: ["--no-sandbox"],
        });
        try {
          const page = await browser.newPage();
          const said: string[] = [];
          page.on("console", (message) => said.push(message.text()));
          page.on("pageerror", (error) => said.push(error.message));
          page.on("request", (request) => {
            if (new URL(request.url()).host !== served.address.host) said.push(request.url());
          });
          await page.goto(served.address.href);
          await body(page, said);
        } finally {
          await browser.close();
        }
      }

      /** Waits until the card of a name has such a text. */
      const shows = (page: Page, name: string, text: RegExp) =>
        page.locator(".card", { has: page.locator("h3", { hasText: new RegExp(`^${name}$`) }) })
          .filter({ hasText: text }).waitFor();

      it(
        "tells of a holder, of its death, and that the next one recovers",
        DEADLINE,
        () =>
          inScratchFolder(async (directory) => {
            using segment = Segment.open("jobs", { directory });
            segment.mutex("lock");
            segment.counter("done");
            await using served = await Served.start(directory);
            await withPage(served, async (page, said) => {
              await shows(page, "lock", /free/);
              await using holder = Child.here(HOLDER, "jobs", directory);
              await holder.line();
              const held = new RegExp(`Held by .*holding_process.*process ${holder.pid}`);
              await shows(page, "lock", held);
              await using waiter = Child.here(HOLDER, "jobs", directory);
              await shows(
                page,
                "lock",
                new RegExp(`process ${waiter.pid}\\) has waited for \\d+ s`),
              );
              await page.getByRole("heading", { level: 1, name: "All is well, 1 thread waits" })
                .waitFor();
              waiter.kill();
              await waiter.ended;
              holder.kill();
              await shows(
                page,
                "lock",
                /holder died.*Its holder died: .*The next one will recover it/,
              );
              await page.getByRole("heading", { level: 1, name: "lock: holder died" }).waitFor();
              await using next = Child.here(HOLDER, "jobs", directory);
              await next.line();
              await shows(page, "lock", new RegExp(`process ${next.pid}.*Recovered after .* ago`));
              const counting = setInterval(() => segment.counter("done").add(7), 50);
              try {
                await page.locator(".card svg polyline[points]").waitFor({ state: "attached" });
                await shows(page, "done", /\+[\d.]+ each second/);
              } finally {
                clearInterval(counting);
              }
              assert.deepEqual(said, []);
            });
          }),
      );

      it(
        "is complete and readable, wide and narrow, light and dark",
        DEADLINE,
        () =>
          inScratchFolder(async (directory) => {
            using segment = Segment.open("a-segment-with-quite-a-long-name", { directory });
            segment.counter("W".repeat(64)).set(2 ** 50);
            segment.array("a list", 8).raw.set(0, -(2 ** 31));
            segment.value("value", "Float64").value = Math.PI * 1e100;
            using _held = segment.mutex("lock").acquireSync();
            using _permits = segment.semaphore("seats", { permits: 4 }).acquireSync({ permits: 3 });
            using _reading = segment.rwLock("book").acquireSync({ shared: true });
            segment.latch("latch", { count: 2 });
            segment.flag("flag");
            await using waiter = Child.here(
              HOLDER,
              "a-segment-with-quite-a-long-name",
              directory,
            );
            await using served = await Served.start(directory);
            await withPage(served, async (page, said) => {
              await shows(page, "lock", new RegExp(`process ${waiter.pid}\\) has waited`));
              const counting = setInterval(
                () => segment.counter("W".repeat(64)).add(12_345_678),
                20,
              );
              await page.locator(".card svg polyline[points]").waitFor({ state: "attached" });
              clearInterval(counting);
              await page.locator("summary").click();
              for (const colorScheme of ["light", "dark"] as const) {
                await page.emulateMedia({ colorScheme });
                for (const width of [360, 800, 1280]) {
                  await page.setViewportSize({ width, height: 900 });
                  assert.deepEqual(await page.evaluate(unfit), [], `${width} ${colorScheme}`);
                }
                const texts = await page.evaluate(contrasts, ["ink", "quiet", "good", "bad"]);
                for (const [name, contrast] of texts) {
                  assert.ok(contrast >= 4.5, `${name}: ${contrast}`);
                }
              }
              await page.keyboard.press("Tab");
              assert.ok(await page.getByLabel("Only names with").isVisible());
              assert.deepEqual(said, []);
            });
          }),
      );

      it(
        "shows names as text, the most active first, and finds others",
        DEADLINE,
        () =>
          inScratchFolder(async (directory) => {
            const evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";
            using segment = Segment.open("jobs", { directory, size: 1 << 20 });
            for (let i = 0; i < 200; i++) {
              segment.counter(`counter ${i}`).set(i);
            }
            using _guard = segment.mutex(evil).acquireSync();
            await using served = await Served.start(directory);
            await withPage(served, async (page, said) => {
              await page.getByText("Shows the 60 most active of 201 names.").waitFor();
              assert.equal(await page.locator(".card").count(), 60);
              assert.equal(await page.locator(".card h3").first().textContent(), evil);
              assert.equal(await page.locator("main img").count(), 0);
              await page.getByLabel("Only names with").fill("counter 199");
              await page.getByText("1 name of 201 names").waitFor();
              await shows(page, "counter 199", /199/);
              assert.equal(await page.locator(".card").count(), 1);
              assert.deepEqual(said, []);
            });
          }),
      );

      it(
        "says that the connection is lost, and that a segment is damaged",
        DEADLINE,
        () =>
          inScratchFolder(async (directory) => {
            Segment.open("jobs", { directory }).close();
            await using served = await Served.start(directory);
            await withPage(served, async (page) => {
              await page.getByText("Live", { exact: true }).waitFor();
              Segment.open("odd", { directory }).close();
              const { truncateSync } = await import("node:fs");
              truncateSync(join(directory, "odd"), 100_000);
              await page.getByText("it has 100000 bytes").waitFor();
              await page.getByRole("heading", { name: "1 segment cannot be read" }).waitFor();
              Segment.remove("odd", { directory });
              await page.getByRole("heading", { name: "odd" }).waitFor({ state: "detached" });
              await served.end("SIGKILL");
              await page.getByText("Connection lost, trying again").waitFor();
            });
          }),
      );
    },
  );
}
