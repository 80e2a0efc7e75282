import {
  type Advice,
  capacity,
  type Choice,
  type Cost,
  type Wish,
} from "../../src/advice/decide.ts";
import type { Figures } from "../../src/advice/figures.ts";

const RUNTIME_NAMES = { deno: "Deno", bun: "Bun", node: "Node" } as const;

/** Formats the advice as text. */
export function adviceText(wish: Wish, { chosen, rejected }: Advice, { run }: Figures): string {
  const others = rejected.map(({ candidate, why, cost: { alone } }) =>
    `  ${candidate.name} ${why}${alone === undefined ? "" : ` (${duration(alone)} alone)`}.`
  );
  if (chosen === undefined) return [`No ${wish.need} is suitable:`, ...others].join("\n");
  const { candidate, cost } = chosen;
  const source = run === undefined || perSecond(cost) === null
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

function costLines({ need, runtime }: Wish, cost: Cost): string[] {
  const { alone, together } = cost;
  const parts = [
    alone !== undefined && `${duration(alone)} per ${need === "counter" ? "add" : "hold"} alone`,
    together !== undefined && `${duration(together)} with 4 at once`,
  ];
  const rate = perSecond(cost)?.toLocaleString("en");
  if (rate === undefined) return [];
  return [`  ${RUNTIME_NAMES[runtime]}: ${parts.filter(Boolean).join(", ")}: ${rate} per second.`];
}

/** Formats the advice as JSON; `null` stands for no suitable candidate, and for no measurements. */
export function adviceJson(
  wish: Wish,
  { chosen, rejected }: Advice,
  { run }: Figures,
) {
  const described = ({ candidate: { name, medium }, cost }: Choice) => ({
    name,
    medium,
    nanoseconds: cost,
  });
  return {
    wish,
    use: chosen === undefined ? null : {
      ...described(chosen),
      /** Of 4 at once, if that was measured. */
      perSecond: perSecond(chosen.cost),
      notes: chosen.candidate.notes,
      code: chosen.candidate.code,
    },
    not: rejected.map((one) => ({ ...described(one), why: one.why })),
    /** Date and machine of the measurements. */
    measured: run ?? null,
  };
}

function perSecond(cost: Cost): number | null {
  const rate = capacity(cost);
  return rate === Infinity ? null : Math.floor(rate);
}

function duration(ns: number): string {
  const [value, unit] = ns < 1e3 ? [ns, "ns"] : ns < 1e6 ? [ns / 1e3, "µs"] : [ns / 1e6, "ms"];
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
