import { bunAdapter } from "./bun.ts";
import { denoAdapter } from "./deno.ts";
import { nodeAdapter } from "./node.ts";
import type { Adapter } from "./port.ts";

/**
 * The adapter of the runtime that loaded this module: the only place where runtimes are told apart.
 *
 * All three are read in each runtime, and load nothing of their own before they are asked for: with
 * an `await` at the top level of a module, V8 aborts the process of Node (26.10) if a worker that
 * imports it is terminated while its own module is run.
 */
export const adapter: Adapter = "Deno" in globalThis
  ? denoAdapter()
  : "Bun" in globalThis
  ? bunAdapter()
  : nodeAdapter();
