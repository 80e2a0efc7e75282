/**
 * Explores every reachable state of the locks in memory: `deno task explore [SCENARIO]`.
 *
 * @module
 */
import { Command } from "commander";
import process from "node:process";
import { explore, hex, type Move, type Outcome, SHOWN } from "./explore.ts";
import { allScenarios } from "./scenarios.ts";

const program = new Command("explore")
  .description("Explores every state that the locks in memory can reach, on their real source.")
  .argument("[scenario]", "only scenarios whose name contains this text", "")
  .option("--state <number>", "print the way to this state of the scenario", Number)
  .addHelpText(
    "after",
    "\nExamples:\n  deno task explore 'mutex: two lock'\n  deno task explore 'mutex: two lock' --state 100",
  )
  .parse();
const [only] = program.processedArgs as [string];
const { state } = program.opts<{ state?: number }>();

/** Prints a path: for each step, the actor, what it did, and the words that it changed. */
function print(path: readonly Move[]): void {
  for (const [i, { actor, what, before, after }] of path.entries()) {
    const words = after.map((word, j) => {
      return word === before[j] ? hex(word) : `${hex(before[j])}->${hex(word)}`;
    });
    const step = `${String(i + 1).padStart(4)}  actor ${actor}  ${what.padEnd(44)}`;
    process.stdout.write(`${step}  ${words.join("  ")}\n`);
  }
}

let failed = 0;
for (const scenario of allScenarios()) {
  if (scenario.isTooLarge || !scenario.name.includes(only)) continue;
  const { states, ends, seconds, fault }: Outcome = await explore(scenario, state);
  const result = fault === undefined
    ? "right"
    : `state ${fault.number} breaks a rule: ${fault.rule}`;
  const columns = [
    String(states).padStart(9),
    String(ends).padStart(9),
    seconds.toFixed(2).padStart(8),
  ];
  process.stdout.write(`${scenario.name.padEnd(52)}${columns.join("")}  ${result}\n`);
  if (fault !== undefined) print(fault.path);
  if (fault !== undefined && fault.rule !== SHOWN) failed++;
}
// Programs of executions that were given up may go on.
process.exit(failed > 0 ? 1 : 0);
