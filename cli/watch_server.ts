import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { printable } from "../src/contract/printable.ts";
import { missingPermission } from "../src/runtime/adapters/missing_permission.ts";
import type { Source } from "./inspect_view.ts";
import { Cards } from "./watch_cards.ts";
import { PAGE } from "./watch_page.ts";
import { sceneOf } from "./watch_things.ts";

/** The only address: other machines cannot reach it. */
const HOST = "127.0.0.1";
/** How often to look, in milliseconds; longer if a look takes long. */
const INTERVAL = 1000;
/** How many pages can be open at a time. */
const PAGES = 20;

/** The names by which a browser of this machine reaches the page; another one is an attack. */
const NAMES = ["127.0.0.1", "localhost"];

const hashOf = (tag: string) => {
  const [, text] = new RegExp(`<${tag}>(.*?)</${tag}>`, "s").exec(PAGE)!;
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
};

/** What every answer has: nothing is stored, framed, guessed or loaded from elsewhere. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; connect-src 'self'; img-src data:; " +
    `script-src ${hashOf("script")}; style-src ${hashOf("style")}; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** A page that is open. */
interface Viewer {
  readonly response: ServerResponse;
  readonly filter: string;
  readonly sent: Map<number | "groups", string>;
}

/**
 * Serves a page that shows what a source has, until the signal aborts. Looks only while a page is
 * open.
 *
 * @param port The port; 0 for a free one.
 * @param announce Gets the address, whose token admits to the page.
 * @throws {Error} If the port cannot be used.
 */
export async function serveWatch(
  source: Source,
  port: number,
  signal: AbortSignal,
  announce: (address: string) => Promise<void>,
): Promise<void> {
  const token = randomBytes(16).toString("base64url");
  const digestOf = (text: string) => createHash("sha256").update(text).digest();
  const expected = digestOf(token);
  const viewers = new Set<Viewer>();
  /** Ends the pause before the next look. */
  let wake = () => {};
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (ms < Infinity) setTimeout(resolve, ms);
    });
  const cards = new Cards();
  /** Why the last look failed. */
  let problem: string | undefined;
  const send = ({ response, filter, sent }: Viewer) => {
    if (response.writableNeedDrain) return; // It is slow, and gets the next news.
    const news = problem === undefined ? cards.newsFor(filter, sent) : { problem };
    response.write(`data: ${JSON.stringify(news)}\n\n`);
  };
  const server = createServer((request, response): void => {
    const answer = (status: number, type: string, text: string) =>
      void response.writeHead(status, { ...HEADERS, "content-type": type }).end(text);
    const refuse = (status: number, why: string) => answer(status, "text/plain", `${why}\n`);
    const address = `http://${HOST}${request.url}`;
    if (!isLocal(request) || !URL.canParse(address)) {
      return refuse(403, "Refused: not the address that was printed");
    }
    const { pathname, searchParams } = new URL(address);
    if (!timingSafeEqual(digestOf(searchParams.get("token") ?? ""), expected)) {
      return refuse(403, "Refused: open the whole address that was printed, with its token");
    }
    if (request.method !== "GET") return refuse(405, "Refused: this page only shows");
    if (pathname === "/") return answer(200, "text/html; charset=utf-8", PAGE);
    if (pathname !== "/events") return refuse(404, "There is nothing here");
    if (viewers.size >= PAGES) return refuse(503, `${PAGES} pages are open already`);
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream" });
    const filter = (searchParams.get("filter") ?? "").slice(0, 200);
    const viewer = { response, filter, sent: new Map() };
    viewers.add(viewer);
    response.on("close", () => void viewers.delete(viewer));
    if (viewers.size > 1) send(viewer); // Others have just got news.
    else wake();
  });
  const stop = () => wake();
  signal.addEventListener("abort", stop);
  try {
    await announce(`http://${HOST}:${await listen(server, port)}/?token=${token}`);
    for (;;) {
      signal.throwIfAborted();
      const start = performance.now();
      if (viewers.size > 0) problem = await look(source, cards, signal);
      for (const viewer of viewers) send(viewer);
      const rest = Math.max(INTERVAL, 4 * (performance.now() - start));
      await pause(viewers.size === 0 ? Infinity : rest);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    server.close();
    server.closeAllConnections();
  }
}

/** Opens the port; returns its number. */
async function listen(server: Server, port: number): Promise<number> {
  const refused = new AbortController();
  // What a permission refuses, Deno and Node throw in a later task.
  const onRefused = (error: Error) => refused.abort(error);
  process.once("uncaughtException", onRefused);
  try {
    server.listen(port, HOST);
    await once(server, "listening", { signal: refused.signal });
    return (server.address() as AddressInfo).port;
  } catch (error) {
    const cause = refused.signal.aborted ? refused.signal.reason : error;
    const why = missingPermission(cause) ?? (cause as Error).message;
    throw new Error(`Cannot serve the page at ${HOST}:${port}: ${why}`, { cause });
  } finally {
    process.off("uncaughtException", onRefused);
  }
}

/** Looks once; returns why it could not. It may be there again later. */
async function look(
  source: Source,
  cards: Cards,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    cards.note(sceneOf(await source.look(signal)));
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return printable((error as Error).message);
  }
}

/** Whether a browser was given an address of this machine, not a name that leads here. */
function isLocal({ headers: { host = "" } }: IncomingMessage): boolean {
  return NAMES.includes(host.replace(/:\d+$/, ""));
}
