import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { RuntimeName } from "../../src/runtime/mod.ts";
import { Child, executableOf, RUN_WITH_PACKAGES } from "../support/child.ts";
import { runtimesHere } from "../support/runtimes_here.ts";

/** Starts a process whose module calls `serveAgent`. */
export function startAgent(name: RuntimeName, module: URL, workload: object): Child {
  const flags = RUN_WITH_PACKAGES[name];
  return new Child(executableOf(name)!, flags, module, [JSON.stringify(workload)]);
}

/** Runs `body` with a process for each workload, of all runtimes in turn, when all have begun. */
export async function withAgents<T>(
  module: URL,
  workloads: readonly object[],
  body: (agents: readonly Child[]) => Promise<T>,
): Promise<T> {
  const runtimes = runtimesHere();
  const agents = workloads.map((workload, i) =>
    startAgent(runtimes[i % runtimes.length], module, workload)
  );
  try {
    for (const agent of agents) assert.equal(await agent.line(), "ready");
    for (const agent of agents) agent.tell("go");
    return await body(agents);
  } finally {
    await Promise.all(agents.map((agent) => agent[Symbol.asyncDispose]()));
  }
}

/** The result of each agent. */
export async function resultsOf<T>(agents: readonly Child[]): Promise<T[]> {
  const results: T[] = [];
  for (const agent of agents) results.push(JSON.parse(await agent.line()));
  return results;
}

/** An agent of a run that kills agents. */
export interface RunningAgent {
  readonly name: RuntimeName;
  readonly child: Child;
  /** Its number in the run; processes of the system may share one, one after the other. */
  readonly number: number;
}

/** How many agents are started at once. */
const BATCH = 9;

/** A run that kills agents, and what it does at each phase. */
export interface KillRun {
  readonly module: URL;
  /** How many agents there are at a time. */
  readonly count: number;
  workload(number: number): object;
  readonly random: () => number;
  /** Called before each round with its number; false ends the run. */
  goesOn(round: number): boolean;
  /** The agent to kill; a random one if this is missing or returns none. */
  victim?(agents: readonly RunningAgent[]): RunningAgent | undefined;
  /** Called just before an agent is killed. */
  onKill(agent: RunningAgent): void;
  /** Called after an agent has ended. */
  onEnd?(agent: RunningAgent): void;
  /** Checks the state after a kill. */
  check(round: number, living: readonly RunningAgent[]): void;
  /** Called before the living agents are told to stop. */
  onStop?(): void;
}

/**
 * Agents of all runtimes do their workloads. In each round one of them is killed at a random time, and
 * another one started. At the end the others still work: no process is stuck.
 *
 * @returns How many were killed.
 */
export async function killAgents(run: KillRun): Promise<number> {
  const { random } = run;
  const runtimes = runtimesHere();
  let started = 0;
  let kills = 0;
  const children: Child[] = [];
  const begin = async (name: RuntimeName): Promise<RunningAgent> => {
    const number = started++;
    const child = startAgent(name, run.module, run.workload(number));
    children.push(child);
    assert.equal(await child.line(), "ready");
    child.tell("go");
    return { name, child, number };
  };
  const agents: RunningAgent[] = [];
  try {
    // Not all at once, which takes them longer than they wait to open a file.
    while (agents.length < run.count) {
      const batch = Math.min(BATCH, run.count - agents.length);
      const begun = Array.from({ length: batch }, () => begin(runtimes[started % runtimes.length]));
      agents.push(...await Promise.all(begun));
    }
    while (run.goesOn(kills)) {
      await sleep(random() * 10); // A random time.
      const victim = run.victim?.(agents) ?? agents[Math.floor(random() * agents.length)];
      run.onKill(victim);
      victim.child.kill();
      const { signal, stderr } = await victim.child.ended;
      assert.equal(signal, "SIGKILL", `it was not killed, but ended: ${stderr}`);
      run.onEnd?.(victim);
      run.check(kills, agents.filter((agent) => agent !== victim));
      kills++;
      agents[agents.indexOf(victim)] = await begin(victim.name);
    }
    run.onStop?.();
    for (const { child } of agents) child.tell("stop");
    await Promise.all(agents.map(async (agent) => {
      assert.equal(JSON.parse(await agent.child.line()), "done");
      await agent.child.ended;
      run.onEnd?.(agent);
    }));
  } finally {
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
  }
  return kills;
}

/** Figures of the recoveries of a run that kills agents, in milliseconds. */
export interface Recoveries {
  readonly kills: number;
  /** How many locks were recovered from killed agents. */
  readonly recovered: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Makes the figures of the times of all recoveries. */
export function recoveriesOf(kills: number, unsorted: readonly number[]): Recoveries {
  const times = unsorted.toSorted((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return { kills, recovered: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
