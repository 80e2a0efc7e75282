import { adapter, type RuntimeName } from "../../src/runtime/mod.ts";
import { executableOf } from "./child.ts";

/** The runtimes that tests can start: this one, and those that `tests/run.ts` found. */
export function runtimesHere(): RuntimeName[] {
  const all: readonly RuntimeName[] = ["deno", "bun", "node"];
  const found = all.filter((name) => executableOf(name) !== undefined);
  if (found.length < all.length) console.warn(`ONLY ${found.join(", ")}: run by tests/run.ts`);
  return found.toSorted((a, b) => Number(b === adapter.name) - Number(a === adapter.name));
}
