/**
 * Explores every reachable state of the locks in memory: `deno task explore [SCENARIO]`.
 *
 * @module
 */
import { Command } from "commander";
import process from "node:process";
import { explore, hex, type Move, type Outcome } from "./explore.ts";
import { allScenarios } from "./scenarios.ts";

const program = new Command("explore")
  .description("Explores every reachable state of the locks in memory, on their real source.")
  .argument("[scenario]", "only scenarios whose name contains this text")
  .parse();
const [only = ""] = program.args;

function print(path: readonly Move[]): void {
  for (const [i, { actor, what, before, after }] of path.entries()) {
    const words = after.map((word, j) =>
      word === before[j] ? hex(word) : `${hex(before[j])}->${hex(word)}`
    );
    console.log(
      `${String(i + 1).padStart(4)}  actor ${actor}  ${what.padEnd(44)}  ${words.join("  ")}`,
    );
  }
}

let failed = 0;
for (const scenario of allScenarios()) {
  if (!scenario.name.includes(only)) continue;
  const outcome: Outcome = await explore(scenario);
  const { states, ends, seconds, fault } = outcome;
  console.log(
    `${scenario.name.padEnd(40)} ${String(states).padStart(9)} states ${
      String(ends).padStart(7)
    } ends ${seconds.toFixed(2).padStart(7)} s  ${fault?.rule ?? "ok"}`,
  );
  if (fault !== undefined) {
    failed++;
    print(fault.path);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
