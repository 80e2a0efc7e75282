import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import process from "node:process";
import { fileSystemOf } from "../src/host/machine.ts";
import { findRedisServer, RedisServer } from "../src/host/redis_server.ts";
import { findAvailable } from "../src/host/runtimes.ts";
import type { RuntimeName } from "../src/runtime/adapters/port.ts";
import { FULL, QUICK } from "./effort.ts";
import { launch } from "./launch.ts";
import { planOf, wantedBy } from "./plan.ts";
import type { Results } from "./results.ts";
import { addRivals, type Found } from "./rivals.ts";
import { measureRounds, type Observer } from "./rounds.ts";
import { makeSite, type Site } from "./site.ts";
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
export interface Plan extends Pick<Results, "versions"> {
  readonly steps: readonly Step[];
  /** In milliseconds. */
  readonly planned: number;
}

async function startRedis(site: Site, { versions, missing }: Found): Promise<AsyncDisposable> {
  const path = findRedisServer();
  if (path === undefined) {
    missing.push({
      what: "redis-server, so Redis was not measured",
      todo: "apt-get install redis-server, or put valkey-server on the PATH",
    });
    return new AsyncDisposableStack();
  }
  await using servers = new AsyncDisposableStack();
  const server = servers.use(await RedisServer.start());
  site.redis = server.url;
  site.storingRedis = servers.use(await RedisServer.start({ appendOnly: true })).url;
  versions["redis-server"] = /v=(\S+)/.exec(await launch([path, "--version"]))?.[1] ?? "unknown";
  return servers.move();
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
  const found: Found = { versions: {}, missing: [] };
  using site = makeSite();
  const runtimes = await findAvailable(
    names,
    (name, { message }) =>
      found.missing.push({ what: `${name}: ${message}`, todo: `install ${name}` }),
    signal,
  );
  for (const { name, version } of runtimes) found.versions[name] = version;
  const setup = { runtimes, effort, site, wants: wantedBy(filter) };
  const possible = planOf(SUBJECTS, { ...setup, has: () => true }).flatMap(({ rows }) => rows);
  if (possible.length === 0) throw new RangeError(`Cannot measure: no row matches "${filter}"`);
  await addRivals(new Set(possible.map(({ by }) => by)), site, found);
  await using _redis = possible.some(({ medium }) => medium === "redis")
    ? await startRedis(site, found)
    : undefined;
  const steps = planOf(SUBJECTS, { ...setup, has: (name) => name in found.versions });
  const planned = effort.rounds * steps.reduce((sum, { ms }) => sum + ms, 0);
  const observer = observe({ versions: found.versions, steps, planned });
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
    versions: found.versions,
    missing: [...found.missing, ...missing],
    rows,
    goals: verdictsOf(SUBJECTS, rows),
  };
}
