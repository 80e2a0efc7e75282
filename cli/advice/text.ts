import { type Advice, capacity, type Cost, type Wish } from "../../src/advice/decide.ts";
import type { AdviceRuntime } from "../../src/advice/candidate.ts";
import type { Figures } from "../../src/advice/figures.ts";

const RUNTIME_NAMES: Readonly<Record<AdviceRuntime, string>> = {
  deno: "Deno",
  bun: "Bun",
  node: "Node",
};

/** Formats the advice as text. */
export function adviceText(wish: Wish, { chosen, rejected }: Advice, { run }: Figures): string {
  const others = rejected.map(({ candidate, why, cost }) => {
    const figure = cost.alone === undefined ? "" : ` (${duration(cost.alone)} alone)`;
    return `  ${candidate.name} ${why}${figure}.`;
  });
  if (chosen === undefined) {
    return [`No ${wish.need} is suitable:`, ...others].join("\n");
  }
  const { candidate, cost } = chosen;
  const source = run === undefined || Object.keys(cost).every((key) => !cost[key as keyof Cost])
    ? "  Not measured yet: run `deno task bench`."
    : `  Measured ${run.when.slice(0, 10)} on ${run.cores} cores of ${run.cpu}; your machine ` +
      "may differ (--results).";
  return [
    `Use: ${candidate.name}`,
    ...costLines(wish, cost),
    source,
    ...candidate.notes.map((note) => `  ${note}`),
    "",
    "Why not",
    ...others,
    "",
    "Code",
    "",
    candidate.code,
  ].join("\n");
}

/** The advice as JSON. */
export interface AdviceJson {
  readonly wish: Wish;
  /** `null` if nothing is suitable. */
  readonly use: {
    readonly name: string;
    readonly medium: string;
    readonly nanoseconds: Cost;
    /** Of 4 at once, if that was measured; `null` without measurements. */
    readonly perSecond: number | null;
    readonly notes: readonly string[];
    readonly code: string;
  } | null;
  readonly not: readonly {
    readonly name: string;
    readonly medium: string;
    readonly nanoseconds: Cost;
    readonly why: string;
  }[];
  /** Date and machine of the measurements. */
  readonly measured: Figures["run"] | null;
}

/** Formats the advice as JSON. */
export function adviceJson(
  wish: Wish,
  { chosen, rejected }: Advice,
  { run }: Figures,
): AdviceJson {
  return {
    wish,
    use: chosen === undefined ? null : {
      name: chosen.candidate.name,
      medium: chosen.candidate.medium,
      nanoseconds: chosen.cost,
      perSecond: perSecond(chosen.cost),
      notes: chosen.candidate.notes,
      code: chosen.candidate.code,
    },
    not: rejected.map(({ candidate: { name, medium }, cost, why }) => ({
      name,
      medium,
      nanoseconds: cost,
      why,
    })),
    measured: run ?? null,
  };
}

function perSecond(cost: Cost): number | null {
  const rate = capacity(cost);
  return rate === Infinity ? null : Math.floor(rate);
}

function costLines({ need, runtime }: Wish, cost: Cost): string[] {
  const what = need === "counter" ? "add" : "hold";
  const lines: string[] = [];
  if (cost.alone !== undefined) lines.push(`${duration(cost.alone)} per ${what} alone`);
  if (cost.together !== undefined) lines.push(`${duration(cost.together)} with 4 at once`);
  const rate = perSecond(cost);
  if (rate === null) return [];
  return [
    `  ${RUNTIME_NAMES[runtime]}: ${lines.join(", ")}: ${rate.toLocaleString("en")} per second.`,
  ];
}

function duration(ns: number): string {
  const [value, unit] = ns < 1e3 ? [ns, "ns"] : ns < 1e6 ? [ns / 1e3, "µs"] : [ns / 1e6, "ms"];
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
