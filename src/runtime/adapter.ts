import type { Adapter } from "./port.ts";

/** The adapter of the runtime that loaded this module: the only place where runtimes are told apart. */
export const adapter: Adapter = "Deno" in globalThis
  ? (await import("./deno.ts")).adapter
  : "Bun" in globalThis
  ? (await import("./bun.ts")).adapter
  : (await import("./node.ts")).adapter;
