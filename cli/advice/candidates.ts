import type { Candidate } from "./candidate.ts";
import { COUNTERS } from "./counters.ts";
import { LOCKS } from "./locks.ts";

/** All that may be the answer, the plainest of a kind first. */
export const CANDIDATES: readonly Candidate[] = [...COUNTERS, ...LOCKS];
