import type { Effort } from "./effort.ts";
import { launch } from "./launch.ts";
import { load, machineOf } from "./machine.ts";
import { durationOf, planOf, wantedBy } from "./plan.ts";
import type { Results, Verdict } from "./results.ts";
import { EVERYTHING, findRivals, type Rivals } from "./rivals/mod.ts";
import { measureRounds, type Observer } from "./rounds.ts";
import { RunSite } from "./run_site.ts";
import { noiseOf } from "./statistics.ts";
import type { Step } from "./step.ts";
import { SUBJECTS } from "./subjects/mod.ts";
import { verdictsOf } from "./verdicts.ts";
import { findRedisServer, RedisServer } from "../src/host/redis_server.ts";
import { findRuntimes, type Runtime, RuntimeError } from "../src/host/runtimes.ts";
import type { RuntimeName } from "../src/runtime/adapters/port.ts";

/** Options for {@linkcode measure}. */
export interface MeasureOptions {
  readonly mode: Results["mode"];
  readonly effort: Effort;
  readonly filter: string | undefined;
  readonly runtimes: readonly RuntimeName[];
}

/** The plan of a run. */
export interface Plan {
  readonly runtimes: readonly Runtime[];
  readonly rivals: Rivals;
  readonly steps: readonly Step[];
  /** In milliseconds. */
  readonly planned: number;
}

/** The runtimes that were found, and the missing ones. */
async function availableRuntimes(
  names: readonly RuntimeName[],
  signal: AbortSignal,
): Promise<[Runtime[], Results["missing"]]> {
  const missing: Results["missing"] = [];
  const found = await Promise.all(names.map(async (name) => {
    try {
      return await findRuntimes([name], signal);
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      missing.push({ what: `${name}: ${error.message}`, todo: `install ${name}` });
      return [];
    }
  }));
  return [found.flat(), missing];
}

/** Starts a private server, or records that there is none. */
async function startRedis(absent: Results["missing"]): Promise<RedisServer | undefined> {
  if (findRedisServer() !== undefined) return await RedisServer.start();
  absent.push({
    what: "redis-server, so Redis was not measured",
    todo: "apt-get install redis-server, or put valkey-server on the PATH",
  });
  return undefined;
}

async function redisVersion(): Promise<string> {
  return /v=(\S+)/.exec(await launch([findRedisServer()!, "--version"]))?.[1] ?? "unknown";
}

/**
 * Makes a plan, calls `observe` with it, and measures it unless `observe` returns `undefined`.
 *
 * @throws {RangeError} If there is nothing to measure.
 */
export async function measure(
  { mode, effort, filter, runtimes: names }: MeasureOptions,
  signal: AbortSignal,
  observe: (plan: Plan) => Observer | undefined,
): Promise<Results | undefined> {
  const when = new Date().toISOString();
  const before = load();
  const began = performance.now();
  using site = new RunSite();
  const [runtimes, absent] = await availableRuntimes(names, signal);
  const setup = { runtimes, effort, site, wants: wantedBy(filter) };
  const possible = planOf(SUBJECTS, { ...setup, rivals: EVERYTHING, hasRedis: true });
  if (possible.length === 0) throw new RangeError(`Cannot measure: no row matches "${filter}"`);
  const possibleRows = possible.flatMap(({ rows }) => rows);
  const rivals = await findRivals(new Set(possibleRows.map(({ by }) => by)), site);
  const wantsRedis = possibleRows.some(({ medium }) => medium === "redis");
  await using redis = wantsRedis ? await startRedis(absent) : undefined;
  site.redis = redis?.url;
  const steps = planOf(SUBJECTS, { ...setup, rivals, hasRedis: redis !== undefined });
  const planned = durationOf(steps, effort);
  const observer = observe({ runtimes, rivals, steps, planned });
  if (observer === undefined) return undefined;

  const { rows, missing } = await measureRounds(steps, effort.rounds, signal, observer);
  const goals: Verdict[] = verdictsOf(SUBJECTS, rows);
  return {
    version: 2,
    when,
    wallSeconds: (performance.now() - began) / 1000,
    mode,
    ...filter !== undefined && { filter },
    rounds: effort.rounds,
    machine: machineOf(site, before, noiseOf(rows)),
    versions: {
      ...Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
      ...rivals.versions,
      ...redis !== undefined && { "redis-server": await redisVersion() },
    },
    missing: [...absent, ...rivals.missing, ...missing],
    rows,
    goals,
  };
}
