import { browserAdapter } from "./browser.ts";
import { bunAdapter } from "./bun.ts";
import { denoAdapter } from "./deno.ts";
import { nodeAdapter } from "./node.ts";
import type { Adapter } from "./port.ts";

/**
 * The adapter of the runtime that loaded this module. Other modules ask it which runtime this is.
 *
 * Every runtime loads all adapters; each loads its dependencies when it is first used. With a
 * top-level `await` instead, `require()` could not load the library, and Node (26.10) would abort
 * the process if a worker is terminated while it evaluates a module that imports this one.
 */
export const adapter: Adapter = "Deno" in globalThis
  ? denoAdapter()
  : "Bun" in globalThis
  ? bunAdapter()
  : isNode()
  ? nodeAdapter()
  : browserAdapter();

/** A bundle for a browser may have a `process` too, but without the versions of Node. */
function isNode(): boolean {
  const { process } = globalThis as { process?: { versions?: { node?: string } } };
  return process?.versions?.node !== undefined;
}
