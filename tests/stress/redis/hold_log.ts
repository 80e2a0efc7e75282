import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { RedisGuard } from "../../../src/redis/mod.ts";
import { monotonicNanoseconds } from "../../../src/runtime/mod.ts";

/** A hold, by the clock of the machine in nanoseconds. */
export interface LoggedHold {
  /** The number of its agent. */
  readonly agent: number;
  readonly began: number;
  /** `Infinity` if it has not ended. */
  readonly ended: number;
  readonly token: number;
}

/**
 * The log of the holds of one agent: a file, which is there after the agent was killed. A hold that was
 * lost, since its process did not run for long, ended when its lease could have ended.
 */
export class HoldLog implements Disposable {
  readonly #file: number;
  #until = 0;

  /** The log of the agent with that number. */
  constructor(folder: string, agent: number) {
    this.#file = openSync(join(folder, `holds-${agent}`), "a");
  }

  begin(guard: RedisGuard): void {
    const began = monotonicNanoseconds(); // First: the lease does not end earlier than noted.
    this.#until = began + guard.left * 1e6;
    writeSync(this.#file, `${began} ${guard.token}`);
  }

  end(guard: RedisGuard): void {
    const now = monotonicNanoseconds();
    writeSync(this.#file, ` ${guard.held ? now : Math.min(now, this.#until)}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** All holds that are logged in a folder. */
export function holdsIn(folder: string): LoggedHold[] {
  return readdirSync(folder).filter((name) => name.startsWith("holds-")).flatMap((name) => {
    const lines = readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean);
    return lines.map((line) => {
      const [began, token, ended = Infinity] = line.split(" ").map(Number);
      return { agent: Number(name.slice("holds-".length)), began, ended, token };
    });
  });
}

/** The greatest number of holds at the same time. */
export function mostAtOnce(holds: readonly LoggedHold[]): number {
  const events = holds.flatMap(({ began, ended }) => [[began, 1], [ended, -1]]);
  events.sort(([a, up], [b, down]) => a - b || up - down);
  let now = 0;
  let most = 0;
  for (const [, step] of events) most = Math.max(most, now += step);
  return most;
}

/** Fails unless the tokens grow strictly in the order of the holds. */
export function assertTokensGrow(holds: readonly LoggedHold[]): void {
  const sorted = holds.toSorted((a, b) => a.began - b.began);
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1].token, sorted[i].token];
    assert.ok(after > before, `the token ${after} came after ${before}`);
  }
}
