import { CANDIDATES } from "../../src/advice/candidates.ts";
import type { Wish } from "../../src/advice/decide.ts";
import { type Figures, rowIdOf } from "../../src/advice/figures.ts";

/** What the tests ask for, unless they say otherwise. */
export const WISH: Wish = {
  need: "counter",
  reach: "machine",
  survives: "nothing",
  readable: false,
  rate: 1000,
  runtime: "bun",
};

/** Figures of Bun by the names of candidates: alone, 4 together, and 64 tasks at once. */
export function figures(ns: Record<string, readonly number[]>): Figures {
  return {
    ns: Object.fromEntries(
      CANDIDATES.flatMap(({ name, ways }) =>
        ways.slice(0, ns[name]?.length ?? 0)
          .map((way, i) => [rowIdOf(way, "bun"), ns[name][i]])
      ),
    ),
  };
}

/** Made-up figures of some candidates. */
export const MEASURED = figures({
  "AtomicCounter in an anonymous segment": [4, 9],
  "AtomicCounter in a named segment": [4, 10],
  "StripedCounter in a named segment": [5, 2.5],
  "FileCounter": [5000, 8000],
  "FileCounter, durable": [150_000, 50_000, 5000],
  "FileCounter in batches": [5],
  "Mutex in an anonymous segment": [100, 9],
  "Mutex in a named segment": [100, 10],
});
