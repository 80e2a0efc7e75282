import type { Results } from "../../results.ts";
import { goals } from "../goals.ts";
import { machine } from "../runs.ts";
import type { Answer } from "./answer.ts";
import { whichCounter, whichLock } from "./costs.ts";
import { latencies } from "./latency.ts";
import { againstRivals } from "./rivals.ts";
import { whichRuntime } from "./runtimes.ts";
import { safetyCost } from "./safety.ts";
import { scaling } from "./scaling.ts";

const QUESTIONS = [
  ...[whichCounter, whichLock, scaling, whichRuntime, safetyCost, againstRivals, latencies],
  ...[goals, machine],
];

/** The answers to all questions, in the order in which people ask them. */
export function answersTo(results: Results): Answer[] {
  return QUESTIONS.map((answer) => answer(results));
}
