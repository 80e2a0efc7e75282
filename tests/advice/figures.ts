import { CANDIDATES } from "../../src/advice/candidates.ts";
import type { Wish } from "../../src/advice/decide.ts";
import { type Figures, rowIds } from "../../src/advice/figures.ts";

/** What the tests ask for, unless they say otherwise. */
export const WISH: Wish = {
  need: "counter",
  reach: "machine",
  survives: "nothing",
  rate: 1000,
  runtime: "bun",
};

/** Figures of Bun by the names of candidates: alone, and 4 together. */
export function figures(ns: Record<string, readonly [number, number]>): Figures {
  return {
    ns: Object.fromEntries(CANDIDATES.flatMap(({ name, measured }) => {
      if (ns[name] === undefined) return [];
      const ids = rowIds(measured, "bun");
      return [[ids.alone, ns[name][0]], [ids.together, ns[name][1]]];
    })),
  };
}

/** Made-up figures of some candidates. */
export const MEASURED = figures({
  "AtomicCounter in an anonymous segment": [4, 9],
  "AtomicCounter in a named segment": [4, 10],
  "StripedCounter in a named segment": [5, 2.5],
  "FileCounter": [5000, 8000],
  "FileCounter, durable": [150_000, 50_000],
});
