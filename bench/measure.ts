import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import process from "node:process";
import { fileSystemOf } from "../src/host/machine.ts";
import { findRedisServer, RedisServer } from "../src/host/redis_server.ts";
import { findAvailable, type Runtime } from "../src/host/runtimes.ts";
import type { RuntimeName } from "../src/runtime/adapters/port.ts";
import { FULL, QUICK } from "./effort.ts";
import { launch } from "./launch.ts";
import { planOf, wantedBy } from "./plan.ts";
import type { Results } from "./results.ts";
import { findRivals, type Rivals } from "./rivals.ts";
import { measureRounds, type Observer } from "./rounds.ts";
import { makeSite } from "./site.ts";
import { noiseOf } from "./statistics.ts";
import type { Step } from "./steps.ts";
import { SUBJECTS } from "./subjects/mod.ts";
import { verdictsOf } from "./verdicts.ts";

/** Options for {@linkcode measure}. */
export interface MeasureOptions {
  readonly mode: Results["mode"];
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

/**
 * Makes a plan, calls `observe` with it, and measures it unless `observe` returns `undefined`.
 *
 * @throws {RangeError} If there is nothing to measure.
 */
export async function measure(
  { mode, filter, runtimes: names }: MeasureOptions,
  signal: AbortSignal,
  observe: (plan: Plan) => Observer | undefined,
): Promise<Results | undefined> {
  const effort = mode === "quick" ? QUICK : FULL;
  const when = new Date().toISOString();
  const [before] = loadavg();
  const began = performance.now();
  const absent: Results["missing"] = [];
  using site = makeSite();
  const runtimes = await findAvailable(
    names,
    (name, { message }) => absent.push({ what: `${name}: ${message}`, todo: `install ${name}` }),
    signal,
  );
  const setup = { runtimes, effort, site, wants: wantedBy(filter) };
  const possible = planOf(SUBJECTS, { ...setup, rivals: undefined, hasRedis: true })
    .flatMap(({ rows }) => rows);
  if (possible.length === 0) throw new RangeError(`Cannot measure: no row matches "${filter}"`);
  const rivals = await findRivals(new Set(possible.map(({ by }) => by)), site);
  const wantsRedis = possible.some(({ medium }) => medium === "redis");
  const server = findRedisServer();
  await using redis = wantsRedis && server ? await RedisServer.start() : undefined;
  if (redis !== undefined) {
    site.redis = redis.url;
    const version = /v=(\S+)/.exec(await launch([server!, "--version"]))?.[1];
    rivals.versions["redis-server"] = version ?? "unknown";
  } else if (wantsRedis) {
    absent.push({
      what: "redis-server, so Redis was not measured",
      todo: "apt-get install redis-server, or put valkey-server on the PATH",
    });
  }
  const steps = planOf(SUBJECTS, { ...setup, rivals, hasRedis: redis !== undefined });
  const planned = effort.rounds * steps.reduce((sum, { ms }) => sum + ms, 0);
  const observer = observe({ runtimes, rivals, steps, planned });
  if (observer === undefined) return undefined;

  const { rows, missing } = await measureRounds(steps, effort.rounds, signal, observer);
  return {
    version: 2,
    when,
    wallSeconds: (performance.now() - began) / 1000,
    mode,
    ...filter !== undefined && { filter },
    rounds: effort.rounds,
    machine: {
      cpu: cpus()[0]?.model.trim() ?? process.arch,
      cores: cpus().length,
      memoryBytes: totalmem(),
      kernel: release(),
      platform: process.platform,
      arch: process.arch,
      fileSystems: {
        [tmpdir()]: fileSystemOf(site.temporary),
        "in memory": fileSystemOf(site.fast),
      },
      load: { before, after: loadavg()[0] },
      noise: noiseOf(rows),
    },
    versions: {
      ...Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
      ...rivals.versions,
    },
    missing: [...absent, ...rivals.missing, ...missing],
    rows,
    goals: verdictsOf(SUBJECTS, rows),
  };
}
