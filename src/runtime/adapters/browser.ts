import { UnsupportedError } from "../../contract/errors.ts";
import type { Adapter, RuntimeName } from "./port.ts";
import { parentOf, type WebEndpoint } from "./web_workers.ts";

/** The globals of a page or of a worker; other runtimes cannot resolve their types. */
interface BrowserScope extends WebEndpoint {
  readonly crossOriginIsolated: boolean;
  readonly navigator: { readonly userAgent: string };
}

function refuse(): never {
  throw new UnsupportedError(
    "Cannot reach the system: a browser does not let a page call it. Anonymous memory for the " +
      "workers of the page still works",
  );
}

/**
 * The port in a browser, which has anonymous memory for the workers of a page, and nothing else.
 */
export function browserAdapter(): Adapter {
  // SAFETY: the scopes of pages and workers have these members.
  const scope = globalThis as unknown as BrowserScope;
  return {
    // SAFETY: only what starts runtimes must know all names, which a browser does not load.
    name: "browser" as RuntimeName,
    version: scope.navigator.userAgent,
    platform: "browser",
    arch: "unknown",
    pid: 0,
    args: [],
    exit: refuse,
    setting: () => undefined,
    get mapping(): "over-wasm" {
      if (scope.crossOriginIsolated) return "over-wasm";
      throw new UnsupportedError(
        "Cannot share memory: the page is not cross-origin isolated. Serve it with the headers " +
          "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp",
      );
    },
    mayCallC: () => false,
    bind: refuse,
    addressOf: refuse,
    bufferAt: refuse,
    spawnWorker: refuse,
    spawnHelper: refuse,
    grantsWebLocksLater: true,
    parentThread: () => "WorkerGlobalScope" in scope ? parentOf(scope) : undefined,
  };
}
