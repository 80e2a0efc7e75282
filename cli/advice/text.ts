import {
  type Advice,
  capacity,
  capacityWithoutTasks,
  type Choice,
  type Cost,
  costAlone,
  type Wish,
} from "../../src/advice/decide.ts";
import { hang } from "../text.ts";
import type { Figures } from "../../src/advice/figures.ts";

const RUNTIME_NAMES = { deno: "Deno", bun: "Bun", node: "Node" } as const;

/** Formats the advice as text, in lines of up to `room` characters but for the code. */
export function adviceText(
  wish: Wish,
  { chosen, rejected }: Advice,
  { run }: Figures,
  room = 80,
): string {
  const others = rejected.flatMap(({ candidate, why, costs }) => {
    const alone = costAlone(costs);
    const cost = alone === undefined ? "" : ` (${duration(alone)} alone)`;
    return hang(`${candidate.name} ${why}${cost}.`, room, 2);
  });
  if (chosen === undefined) return [`No ${wish.need} is suitable:`, ...others].join("\n");
  const { candidate, costs } = chosen;
  const source = run === undefined || costs.length === 0
    ? "Not measured yet: run `deno task bench`."
    : `Measured ${run.when.slice(0, 10)} on ${run.cores} cores of ${run.cpu}; see --results.`;
  return [
    `Use: ${candidate.name}`,
    ...costLines(wish, costs, room),
    ...hang(source, room, 2),
    ...candidate.notes.flatMap((note) => hang(note, room, 2)),
    "",
    "Why not",
    ...others,
    "",
    "Code",
    "",
    candidate.code,
  ].join("\n");
}

function costLines(
  { need, runtime, rate }: Wish,
  costs: readonly Cost[],
  room: number,
): string[] {
  const all = perSecond(costs);
  if (all === null) return [];
  const what = need === "counter" ? "add" : "hold";
  const few = Math.floor(capacityWithoutTasks(costs));
  return [
    `  Up to ${count(all)} ${what}s per second in ${RUNTIME_NAMES[runtime]}:`,
    ...costs.map(({ ns, how }) => `    ${duration(ns)} per ${what} ${how}`),
    ...few < rate
      ? hang(
        `Your rate needs several tasks at once in a process; one task reaches ${
          count(few)
        } per second.`,
        room,
        2,
      )
      : [],
  ];
}

/** Formats the advice as JSON; `null` stands for no suitable candidate, and for no measurements. */
export function adviceJson(
  wish: Wish,
  { chosen, rejected }: Advice,
  { run }: Figures,
) {
  const described = ({ candidate: { name, medium }, costs }: Choice) => ({
    name,
    medium,
    /** By how they were measured: alone, and by several at once. */
    nanoseconds: Object.fromEntries(costs.map(({ how, ns }) => [how, ns])),
  });
  return {
    wish,
    use: chosen === undefined ? null : {
      ...described(chosen),
      /** Of several at once, if that was measured. */
      perSecond: perSecond(chosen.costs),
      notes: chosen.candidate.notes,
      code: chosen.candidate.code,
    },
    not: rejected.map((one) => ({ ...described(one), why: one.why })),
    /** Date and machine of the measurements. */
    measured: run ?? null,
  };
}

function perSecond(costs: readonly Cost[]): number | null {
  const rate = capacity(costs);
  return rate === Infinity ? null : Math.floor(rate);
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function duration(ns: number): string {
  const [value, unit] = ns < 1e3 ? [ns, "ns"] : ns < 1e6 ? [ns / 1e3, "µs"] : [ns / 1e6, "ms"];
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
