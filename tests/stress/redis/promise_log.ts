import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { monotonicNanoseconds } from "../../../src/runtime/mod.ts";
import type { RedisGuard } from "../../../src/redis/mod.ts";

/** A hold, by the clock of the machine in nanoseconds, as its lock promised it. */
export interface PromisedHold {
  /** The number of its agent. */
  readonly agent: number;
  readonly token: number;
  /** The times for which its guard said that it was held. */
  readonly spans: readonly { readonly from: number; readonly to: number }[];
}

/**
 * The log of the holds of one agent: a file, which is there after the agent was killed. A span
 * begins when the guard says that it is held, and ends at the next look, or when the lease could
 * have ended, if that comes first: an agent that is stopped holds nothing beyond its lease.
 */
export class PromiseLog implements Disposable {
  readonly #file: number;

  /** The log of the agent with that number. */
  constructor(folder: string, agent: number) {
    this.#file = openSync(join(folder, `promises-${agent}`), "a");
  }

  /** Begins a hold with its first look. */
  begin(guard: RedisGuard): void {
    writeSync(this.#file, `\n${guard.token}`);
    this.look(guard);
  }

  /** Notes for how long it is held from now on. */
  look(guard: RedisGuard): void {
    const at = monotonicNanoseconds(); // First: the hold does not end earlier than noted.
    writeSync(this.#file, ` ${at} ${guard.left}`);
  }

  /** Ends the hold. */
  end(): void {
    writeSync(this.#file, ` ${monotonicNanoseconds()} 0`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/**
 * All holds that are logged in a folder, in the order of their beginnings.
 *
 * @param killed When agents were killed, by their numbers.
 */
export function promisesIn(folder: string, killed: ReadonlyMap<number, number>): PromisedHold[] {
  const holds = readdirSync(folder).filter((name) => name.startsWith("promises-"))
    .flatMap((name) => {
      const agent = Number(name.slice("promises-".length));
      const end = killed.get(agent) ?? Infinity;
      const lines = readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean);
      return lines.map((line): PromisedHold => {
        const [token, ...looks] = line.split(" ").map(Number);
        const spans = [];
        for (let i = 0; i + 1 < looks.length; i += 2) {
          const from = looks[i];
          const next = i + 2 < looks.length ? looks[i + 2] : Infinity;
          const to = Math.min(from + looks[i + 1] * 1e6, next, Math.max(from, end));
          if (to > from) spans.push({ from, to });
        }
        return { agent, token, spans };
      });
    });
  return holds.filter(({ spans }) => spans.length > 0)
    .sort((a, b) => a.spans[0].from - b.spans[0].from);
}

/** How many pairs of holds were promised at the same time, and for how long at most, in ms. */
export function overlapsOf(holds: readonly PromisedHold[]): { pairs: number; longest: number } {
  const spans = holds.flatMap(({ spans, token }) => spans.map((span) => ({ ...span, token })))
    .sort((a, b) => a.from - b.from);
  const pairs = new Set<string>();
  let longest = 0;
  let open: typeof spans = [];
  for (const span of spans) {
    open = open.filter(({ to }) => to > span.from);
    for (const other of open) {
      if (other.token === span.token) continue;
      pairs.add(`${other.token} ${span.token}`);
      longest = Math.max(longest, (Math.min(other.to, span.to) - span.from) / 1e6);
    }
    open.push(span);
  }
  return { pairs: pairs.size, longest: Math.round(longest) };
}

/** The holds whose token is not greater than that of a hold that had ended before they began. */
export function tokensBack(holds: readonly PromisedHold[]): PromisedHold[] {
  const ends = holds.map(({ spans, token }) => ({ at: spans.at(-1)!.to, token }))
    .sort((a, b) => a.at - b.at);
  let ended = 0;
  let greatest = 0;
  return holds.filter(({ spans, token }) => {
    for (; ended < ends.length && ends[ended].at < spans[0].from; ended++) {
      greatest = Math.max(greatest, ends[ended].token);
    }
    return token <= greatest;
  });
}
