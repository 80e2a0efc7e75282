/**
 * Runs the proofs in their long sizes: `deno task soak --minutes 60`. Writes the results to
 * bench/results.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntimes } from "../../src/host/runtimes.ts";
import { adapter } from "../../src/runtime/mod.ts";
import { foldersIn, inScratchFolder } from "../support/scratch_folder.ts";

const RESULTS = fileURLToPath(new URL("../../bench/results/", import.meta.url));

function number(text: string): number {
  const value = Number(text);
  if (!(value >= 0)) {
    throw new InvalidArgumentError("It must be 0 or more.");
  }
  return value;
}

const { minutes, seed, only } = new Command("soak")
  .description("Runs the proofs in their long sizes, on all runtimes together.")
  .option(
    "--minutes <n>",
    "longest time, about; proofs become smaller to fit into it",
    number,
    30,
  )
  .option("--seed <n>", "seed of all random choices", number, Math.floor(Math.random() * 2 ** 31))
  .option("--only <name>", "only proofs whose name begins with this")
  .parse()
  .opts<{ minutes: number; seed: number; only?: string }>();

const runtimes = await findRuntimes(["deno", "bun", "node"]);
for (const { name, path } of runtimes) process.env[`INTERLOCK_${name.toUpperCase()}`] = path;
// Imported after that, since they look for the runtimes when they are loaded.
const rounds = await import("./memory/runs.ts");
const files = await import("./files/runs.ts");
const { addTogether } = await import("./redis/counter_runs.ts");
const { failOver, killHoldersOfPermits, troubleServers } = await import(
  "./redis/server_runs.ts"
);
const { holdTogether, stopHolder } = await import("./redis/lock_runs.ts");
const { DEPLOYMENTS, guardThroughTroubles } = await import("./redis/failover_runs.ts");
const { damageDirectories, damageFiles } = await import("./memory/damage.ts");

/** A proof: its full size, its share of the time, and the function that runs a part of it. */
interface Proof {
  readonly name: string;
  readonly size: number;
  readonly share: number;
  /** The size of a part; the time is checked between parts. */
  readonly step: number;
  run(folder: string, size: number, seed: number): Promise<object | void> | object | void;
}

let ends = Infinity;
/** Whether a proof runs another of its rounds. */
const untilTimeIsUp = (size: number) => (round: number) => round < size && performance.now() < ends;
const PROOFS: readonly Proof[] = [
  { name: "adds", size: 1_000_000, share: 0.05, step: 250_000, run: rounds.addTogether },
  { name: "meetings", size: 100_000, share: 0.05, step: 10_000, run: rounds.meetTogether },
  { name: "turns", size: 100_000, share: 0.05, step: 10_000, run: rounds.takeTurns },
  { name: "holds", size: 10_000, share: 0.1, step: 1000, run: rounds.holdTogether },
  {
    name: "kills",
    size: 1000,
    share: 0.45,
    step: 1000, // It checks the time itself: only killed members are started again.
    run: (folder, size, seed) => rounds.killAtRandom(folder, untilTimeIsUp(size), seed),
  },
  {
    name: "locks",
    size: 500,
    share: 0.1,
    step: 500, // It checks the time itself, as above.
    run: (folder, size, seed) => rounds.killRequesters(folder, untilTimeIsUp(size), seed),
  },
  {
    name: "permits",
    size: 1000, // Kills; it checks the time itself.
    share: 0.1,
    step: 1000,
    run: (folder, size, seed) =>
      rounds.killHoldersOfPermits(
        folder,
        untilTimeIsUp(size),
        seed,
      ),
  },
  {
    name: "readers",
    size: 1000, // Kills; it checks the time itself.
    share: 0.2,
    step: 1000,
    run: (folder, size, seed) =>
      rounds.killReadersAndWriters(
        folder,
        { readers: 64, writers: 4 },
        // To start them takes long.
        (round) => round < Math.min(10, size) || untilTimeIsUp(size)(round),
        seed,
      ),
  },
  {
    name: "aborts",
    size: 10_000,
    share: 0.15,
    step: 1000,
    run: async (folder, size, seed) => ({
      gaveUp: await rounds.giveUpAtRandom(folder, size, seed),
    }),
  },
  {
    name: "stopped",
    size: 1,
    share: 0.05,
    step: 1,
    run: (folder) => rounds.stopOwner(folder, 5000),
  },
  { name: "openings", size: 1000, share: 0.1, step: 250, run: rounds.raceToOpen },
  {
    name: "directories",
    size: 100_000,
    share: 0.05,
    step: 10_000,
    run: (_folder, size, seed) => damageDirectories(size, seed),
  },
  { name: "files", size: 100_000, share: 0.05, step: 2000, run: damageFiles },
  {
    name: "channel",
    size: 10_000_000,
    share: 0.2,
    step: 2_500_000,
    // As messages, not as kills: `done` counts the former.
    run: async (folder, size, seed) => ({
      channel: await rounds.killAtChannel(folder, size, seed),
    }),
  },
  {
    name: "file-holds",
    size: 10_000,
    share: 0.05,
    step: 10_000,
    run: (folder, rounds, seed) => files.holdTogether(folder, { processes: 16, rounds }, seed),
  },
  {
    name: "file-ranges",
    size: 10_000,
    share: 0.05,
    step: 10_000,
    run: (folder, rounds, seed) =>
      files.holdTogether(folder, { processes: 16, rounds, ranges: true }, seed),
  },
  {
    name: "file-handles", // 50 processes with 200 locks each; the size is the holds per lock.
    size: 10,
    share: 0.05,
    step: 5,
    run: (folder, rounds, seed) =>
      files.holdTogether(folder, { processes: 50, rounds, locks: 200 }, seed),
  },
  {
    name: "file-kills",
    size: 1000,
    share: 0.3,
    step: 1000,
    run: (folder, size, seed) => files.killAtRandom(folder, untilTimeIsUp(size), seed),
  },
  {
    name: "file-replaced-by-holder",
    size: 2000,
    share: 0.05,
    step: 500,
    run: (folder, size, seed) => files.replaceAtRandom(folder, size, true, seed),
  },
  {
    name: "file-replaced-by-anybody",
    size: 2000,
    share: 0.05,
    step: 500,
    run: (folder, size, seed) => files.replaceAtRandom(folder, size, false, seed),
  },
  {
    name: "file-aborts-within",
    size: 10_000,
    share: 0.05,
    step: 2500,
    run: (folder, size, seed) => files.giveUpAtRandom(foldersIn(folder), size, false, seed),
  },
  {
    name: "file-aborts-across",
    size: 10_000,
    share: 0.1,
    step: 2500,
    run: (folder, size, seed) => files.giveUpAtRandom(foldersIn(folder), size, true, seed),
  },
  {
    name: "file-pending",
    size: 10,
    share: 0.05,
    step: 1,
    run: async (folder) => ({
      onePath: await files.waitTogether(foldersIn(join(folder, "one")), 1000, 1),
      manyPaths: await files.waitTogether(foldersIn(join(folder, "many")), 1000, 1000),
    }),
  },
  {
    name: "redis-adds",
    size: 10_000, // By each of 16 clients.
    share: 0.05,
    step: 2000,
    run: (_folder, size) => addTogether(16, size, "plain", false),
  },
  {
    name: "redis-kills",
    size: 10_000,
    share: 0.05,
    step: 1000,
    run: (_folder, size) => addTogether(16, size, "named", true),
  },
  {
    name: "redis-permits",
    size: 200, // Killed holders.
    share: 0.05,
    step: 50,
    run: (folder, size, seed) => killHoldersOfPermits(folder, 6, 3, untilTimeIsUp(size), seed),
  },
  {
    name: "redis-servers",
    size: 60, // Servers of a quorum that are stopped or killed, one after the other.
    share: 0.1,
    step: 12,
    run: (folder, size, seed) => troubleServers(folder, 6, size, seed),
  },
  {
    name: "redis-failovers",
    size: 50,
    share: 0.05,
    step: 10,
    run: async (_folder, size) => ({
      without: await failOver(size),
      withWait: await failOver(size, { count: 1, timeout: 100 }),
    }),
  },
  {
    name: "redis-holds",
    size: 1000, // By each of 16 clients.
    share: 0.05,
    step: 100,
    run: (_folder, size) => holdTogether(16, size),
  },
  {
    name: "redis-stops",
    size: 100,
    share: 0.05,
    step: 20,
    run: (_folder, size) => stopHolder(size),
  },
];

const GUARDS = Object.keys(DEPLOYMENTS).map((kind): Proof => ({
  name: `redis-guard-${kind.replace(" ", "-")}`,
  size: 1000, // Troubles, one after the other.
  share: 0.1,
  step: 1000, // It checks the time itself.
  async run(folder, size, seed) {
    const goesOn = untilTimeIsUp(size);
    const seen = await guardThroughTroubles(folder, kind, goesOn, seed);
    return { ...seen, kills: Object.values(seen.troubles).reduce((sum, n) => sum + n, 0) };
  },
}));

const chosen = [...PROOFS, ...GUARDS].filter(({ name }) =>
  only === undefined || name.startsWith(only)
);
if (chosen.length === 0) {
  console.error(
    `Cannot soak "${only}": no proof begins with that. The proofs are ${
      [...PROOFS, ...GUARDS].map(({ name }) => name).join(", ")
    }`,
  );
  process.exit(2);
}
console.log(`seed ${seed}`);
const shares = chosen.reduce((sum, { share }) => sum + share, 0);
const proofs: Record<string, object> = {};
let failed = 0;
for (const { name, size, share, step, run } of chosen) {
  const start = performance.now();
  ends = start + (minutes * 60_000 * share) / shares;
  let done = 0;
  const figures: object[] = [];
  let failure: string | undefined;
  try {
    do {
      const next = Math.min(step, size - done);
      const figure = await inScratchFolder((folder) => run(folder, next, seed + done));
      if (figure !== undefined) figures.push(figure);
      done += figure !== undefined && "kills" in figure ? Number(figure.kills) : next;
    } while (done < size && performance.now() < ends);
  } catch (error) {
    failed++;
    const causes = [];
    for (let at = error; at instanceof Error; at = at.cause) causes.push(at.stack);
    failure = causes.join("\n");
  }
  const seconds = Math.round(performance.now() - start) / 1000;
  proofs[name] = {
    asked: size,
    done,
    seconds,
    ...figures.length > 0 && { figures: figures.length === 1 ? figures[0] : figures },
    ...failure !== undefined && { failure },
  };
  console.log(`${name}: ${done} of ${size} in ${seconds} s ${JSON.stringify(figures)}`);
  if (failure !== undefined) console.log(`FAILED: ${failure}`);
}

const date = new Date().toISOString();
mkdirSync(RESULTS, { recursive: true });
const path = join(RESULTS, `soak-${date.slice(0, 19).replaceAll(":", "")}.json`);
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem() };
const versions = Object.fromEntries(runtimes.map(({ name, version }) => [name, version]));
const record = {
  date,
  machine,
  kernel: release(),
  versions,
  by: adapter.name,
  seed,
  minutes,
  proofs,
};
writeFileSync(path, `${JSON.stringify(record, undefined, 2)}\n`);
console.log(`${failed === 0 ? "All proofs held" : `${failed} FAILED`}; see ${path}`);
process.exit(failed === 0 ? 0 : 1);
