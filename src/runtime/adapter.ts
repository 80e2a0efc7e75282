import { bunAdapter } from "./bun.ts";
import { denoAdapter } from "./deno.ts";
import { nodeAdapter } from "./node.ts";
import type { Adapter } from "./port.ts";

/**
 * The adapter of the runtime that loaded this module: the only place where runtimes are told apart.
 *
 * Every runtime loads all three modules, and each loads its own dependencies only when it is used.
 * With a top-level `await` instead, Node (26.10) aborts the process if a worker is terminated while
 * it evaluates a module that imports this one.
 */
export const adapter: Adapter = "Deno" in globalThis
  ? denoAdapter()
  : "Bun" in globalThis
  ? bunAdapter()
  : nodeAdapter();
