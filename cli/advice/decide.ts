import {
  type AdviceRuntime,
  type Candidate,
  type Need,
  type Reach,
  REACHES,
  type Survival,
  SURVIVALS,
} from "./candidate.ts";
import { CANDIDATES } from "./candidates.ts";
import { type Figures, rowIds } from "./figures.ts";

/** What somebody needs. */
export interface Wish {
  readonly need: Need;
  readonly reach: Reach;
  readonly survives: Survival;
  /** Increments, or holds of the lock, a second; of all together. */
  readonly rate: number;
  readonly runtime: AdviceRuntime;
}

/** What one costs in a runtime, in nanoseconds; `undefined` where it was not measured. */
export interface Cost {
  readonly alone?: number;
  /** An operation of 4 at once, all together. */
  readonly crowd?: number;
}

/** Why something is not the answer. */
export interface Rejected {
  readonly candidate: Candidate;
  readonly cost: Cost;
  readonly why: string;
}

/** The answer, and why not the others; without `chosen`, nothing does it. */
export interface Advice {
  readonly chosen?: { readonly candidate: Candidate; readonly cost: Cost };
  readonly rejected: readonly Rejected[];
}

/** A candidate is taken without a look at faster ones if it could do this many times the rate. */
const RESERVE = 2;

const REACH_TEXT = {
  process: "the workers of one process",
  machine: "the processes of one machine",
  network: "several machines",
} as const;
const LOST_TEXT = {
  nothing: "a killed process",
  crash: "the loss of power",
  power: "",
} as const;

/** A candidate with what it costs. */
interface One {
  readonly candidate: Candidate;
  readonly cost: Cost;
}

/**
 * Picks the plainest candidate that reaches as far, outlives as much and is fast enough with some
 * reserve; where none has the reserve, the fastest that is fast enough. Where some were measured,
 * one of those. A server is for who has several machines, or where nothing else will do.
 */
export function decide(wish: Wish, figures: Figures): Advice {
  const all = CANDIDATES.filter(({ need }) => need === wish.need)
    .map((candidate): One => ({ candidate, cost: costOf(candidate, wish.runtime, figures) }));
  const able = all.filter(({ candidate }) => whyUnable(candidate, wish) === undefined);
  const measured = able.filter(({ cost }) => isMeasured(cost));
  const known = measured.length > 0 ? measured : able;
  const fast = known.filter(({ cost }) => capacity(cost) >= wish.rate);
  const near = fast.filter((one) => !needsServer(one, wish));
  const fit = near.length > 0 ? near : fast;
  const roomy = fit.filter(({ cost }) => capacity(cost) >= RESERVE * wish.rate);
  const chosen = roomy[0] ?? fit.toSorted((a, b) => capacity(b.cost) - capacity(a.cost))[0];
  const whyNot = (one: One): string => {
    const unable = whyUnable(one.candidate, wish);
    if (unable !== undefined) return unable;
    if (!known.includes(one)) return "was not measured";
    if (fit.includes(one)) return whyOther(one, chosen);
    if (fast.includes(one)) return "needs a server, which one machine can do without";
    return `does ${Math.floor(capacity(one.cost)).toLocaleString("en")} a second at most`;
  };
  return {
    ...chosen !== undefined && { chosen },
    rejected: all.filter((one) => one !== chosen).map((one) => ({ ...one, why: whyNot(one) })),
  };
}

function needsServer({ candidate }: One, wish: Wish): boolean {
  return candidate.reach === "network" && wish.reach !== "network";
}

function costOf({ measured }: Candidate, runtime: AdviceRuntime, { ns }: Figures): Cost {
  const ids = rowIds(measured, runtime);
  return { alone: ns[ids.alone], crowd: ns[ids.crowd] };
}

/** How many a second; what was not measured may be fast enough. */
export function capacity({ alone, crowd }: Cost): number {
  const ns = crowd ?? alone;
  return ns === undefined ? Infinity : 1e9 / ns;
}

function isMeasured({ alone, crowd }: Cost): boolean {
  return alone !== undefined || crowd !== undefined;
}

function whyUnable({ reach, survives }: Candidate, wish: Wish): string | undefined {
  if (REACHES.indexOf(reach) < REACHES.indexOf(wish.reach)) {
    return `is for ${REACH_TEXT[reach]} only`;
  }
  if (SURVIVALS.indexOf(survives) < SURVIVALS.indexOf(wish.survives)) {
    return `does not outlive ${LOST_TEXT[survives]}`;
  }
  return undefined;
}

function whyOther(one: One, chosen: One): string {
  const [other, ours] = [one.cost, chosen.cost].map(({ alone, crowd }) => crowd ?? alone);
  if (other === undefined || ours === undefined) return "does more than is asked for";
  const ratio = other / ours;
  if (ratio > 1.05) return `takes ${ratio.toFixed(ratio < 10 ? 1 : 0)} times as long`;
  return ratio < 0.95
    ? "is faster in a crowd, which this rate does not need"
    : "costs the same and does more than is asked for";
}
