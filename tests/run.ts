/**
 * Runs the tests on Deno, Bun and Node, and prints `N passed, N failed, N skipped` at the end, the sum
 * of the three. Arguments select tests by the beginnings of their paths. As root on Linux, the tests of
 * files run once more as an ordinary user, to whom the system refuses more.
 *
 * @module
 */
import { XMLParser } from "fast-xml-parser";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { availableParallelism, constants, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findRuntimes, type Runtime } from "../src/host/runtimes.ts";
import { childEnvironment } from "./support/child_environment.ts";
import { makeOrdinaryUser, type OrdinaryUser } from "./support/ordinary_user.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** A test that takes longer hangs; the slowest takes a tenth of it on a quiet machine. */
const TIMEOUT_MS = 120_000;
/**
 * A part that prints nothing for longer hangs. The runtimes print a line for each test; none of them ends
 * a test that blocks its thread, and Deno no test without a limit of its own. Node waits for ever for a
 * file of which a failed test has left something open; its `--test-force-exit` would lose results.
 */
const SILENCE_MS = 4 * 60_000;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** A `testcase` of a JUnit report, or a suite of them. */
interface Node {
  readonly testsuite?: Node[];
  readonly testcase?: Node[];
  readonly skipped?: unknown;
  readonly failure?: unknown;
  readonly error?: unknown;
  readonly "@name"?: string;
}

function testFiles(beginnings: readonly string[]): string[] {
  const files = readdirSync(join(ROOT, "tests"), { recursive: true, encoding: "utf8" })
    .map((name) => `./tests/${name}`)
    .filter((name) => name.endsWith("_test.ts"))
    .sort();
  if (beginnings.length === 0) return files;
  return files.filter((file) => beginnings.some((part) => file.startsWith(join("./", part), 2)));
}

function argumentsFor({ name }: Runtime, files: readonly string[], report: string): string[] {
  switch (name) {
    case "deno":
      return ["test", "-A", "--no-check", "--quiet", `--junit-path=${report}`, ...files];
    case "bun":
      return [
        "test",
        `--timeout=${TIMEOUT_MS}`,
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        ...files,
      ];
    case "node":
      return [
        "--test",
        `--test-timeout=${TIMEOUT_MS}`,
        // One file at a time, as in the other runtimes: the tests need the cores themselves.
        "--test-concurrency=1",
        "--test-reporter=junit",
        `--test-reporter-destination=${report}`,
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        ...files,
      ];
  }
}

/** What failed, for the end of the output. */
const failures: string[] = [];

function countReport(report: string, title: string): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const isArray = (name: string) => name === "testsuite" || name === "testcase";
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "@", isArray });
  const visit = ({ testsuite = [], testcase = [] }: Node): void => {
    testsuite.forEach(visit);
    for (const test of testcase) {
      if (test.failure !== undefined || test.error !== undefined) {
        counts.failed++;
        failures.push(`${title}: ${test["@name"]}`);
      } else if (test.skipped !== undefined) {
        counts.skipped++;
        console.log(`SKIPPED: ${title}: ${test["@name"]}`);
      } else counts.passed++;
    }
  };
  const text = readFileSync(report, "utf8");
  if (!text.trimEnd().endsWith("</testsuites>")) throw new Error("its end is missing");
  const document = parser.parse(text);
  visit(document.testsuites ?? document);
  return counts;
}

/** A runtime tests its files in this many parts, so that the last ones end at about the same time. */
const PARTS = 6;
/** The parts that run at once, if there are two processors: tests wait much of the time. */
const AT_ONCE = availableParallelism() > 1 ? 4 : 1;
const running = new Set<ChildProcess>();

/** A part of the files, to be tested on one runtime. */
interface Part {
  readonly runtime: Runtime;
  readonly files: readonly string[];
  readonly title: string;
  /** The user who runs it, unless it is that of this process. */
  readonly user?: OrdinaryUser;
}

/** The tests of files once more, in the runtime that tests them fastest, if this is root. */
function partAsOrdinaryUser(runtimes: readonly Runtime[], files: readonly string[]): Part[] {
  const own = files.filter((file) => file.startsWith("./tests/files/"));
  if (process.platform !== "linux" || process.getuid!() !== 0 || own.length === 0) return [];
  const user = makeOrdinaryUser(folder, ROOT, runtimes);
  const runtime = user.runtimes.find(({ name }) => name === "bun")!;
  return [{
    runtime,
    files: own,
    title: `${runtime.name} ${runtime.version}, files as an ordinary user`,
    user,
  }];
}

/**
 * A run of all tests gives these to one runtime: most of them start processes of all runtimes, or look
 * at the project, and the others take long. If tests are selected, each runtime runs them.
 */
const BY_ONE: readonly (readonly [Runtime["name"], RegExp])[] = [
  ["deno", /^\.\/tests\/(explore|stress\/memory|stress\/redis\/lock|counting\/behaviour\/exact)/],
  ["deno", /^\.\/tests\/(cli\/watch_test|advice\/candidates)/],
  ["bun", /^\.\/tests\/(stress\/redis\/(counter|servers)|contract\/behaviour\/election)/],
  ["bun", /^\.\/tests\/memory\/web_lock/],
  [
    "bun",
    /^\.\/tests\/(examples|counting\/behaviour\/racy|cli\/inspect_|cli\/behaviour\/count_redis)/,
  ],
  ["node", /^\.\/tests\/(stress\/(files|redis\/failovers)|types|bench\/report\/(?!page))/],
  ["node", /^\.\/tests\/cli\/(count_test|behaviour\/count_offline)/],
  ["node", /^\.\/tests\/(memory\/life_word|runtime\/adapters\/node_)/],
];

/** So are the tests of several sources together, one after the other. */
const TOGETHER = /\/behaviour\//;
const NAMES: readonly Runtime["name"][] = ["deno", "bun", "node"];

function filesFor({ name }: Runtime, files: readonly string[], isSelection: boolean): string[] {
  if (isSelection) return [...files];
  const together = files.filter((file) => TOGETHER.test(file));
  const ownerOf = (file: string) =>
    BY_ONE.find(([, pattern]) => pattern.test(file))?.[0] ??
      NAMES[together.indexOf(file) % NAMES.length];
  return files.filter((file) => (ownerOf(file) ?? name) === name);
}

function partsOf(runtime: Runtime, files: readonly string[]): Part[] {
  const count = Math.min(PARTS, files.length);
  return Array.from({ length: count }, (_, part) => ({
    runtime,
    files: files.filter((_, i) => i % count === part),
    title: `${runtime.name} ${runtime.version}, part ${part + 1} of ${count}`,
  }));
}

/** Sends a signal to a part and to what it has started. */
function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid!, signal);
  } catch {
    // It has ended already.
  }
}

/** The processes of this machine as a tree, with the kernel function in which each one sleeps. */
function processes(): string {
  const columns = "pid,ppid,stat,wchan:24,etimes,time,args";
  return spawnSync("ps", ["-e", "--forest", "-o", columns], { encoding: "utf8" }).stdout;
}

/** Tests a part, and shows its output when it has ended. */
async function testPart(
  { runtime, files, title, user }: Part,
  environment: Record<string, string>,
  path: string,
): Promise<Counts> {
  const { env, giveBack } = childEnvironment({
    NO_COLOR: process.env.NO_COLOR,
    // Node, also as a child of others, starts in a third of the time with what it has compiled before.
    NODE_COMPILE_CACHE: compiled(),
    ...environment,
    ...user?.environment,
  });
  const report = user === undefined ? `${path}.xml` : join(user.root, "report.xml");
  const log = openSync(`${path}.log`, "w");
  const start = performance.now();
  const command = [
    ...user?.command ?? [],
    runtime.path,
    ...argumentsFor(runtime, files, report),
  ];
  const child = spawn(command[0], command.slice(1), {
    cwd: user?.root ?? ROOT,
    stdio: ["ignore", log, log],
    env,
    // A process group of its own, which ends with the part.
    detached: true,
  });
  running.add(child);
  let [size, since, hangs] = [0, start, false];
  const watch = setInterval(() => {
    const { size: now } = fstatSync(log);
    if (now !== size) [size, since] = [now, performance.now()];
    if (hangs || performance.now() - since < SILENCE_MS) return;
    hangs = true;
    console.log(`\n${title} (pid ${child.pid}) hangs. All processes:\n${processes()}`);
    kill(child, "SIGKILL");
  }, 1000);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject).on("close", (code, signal) => resolve([code, signal]));
  });
  clearInterval(watch);
  running.delete(child);
  closeSync(log);
  giveBack();
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`\n== ${title}, ${seconds} s (${runtime.path})`);
  console.log(readFileSync(`${path}.log`, "utf8"));
  const end = hangs
    ? "hung in the test after the last line of its output"
    : `ended with ${signal ?? `status ${code}`}`;
  try {
    const counts = countReport(report, title);
    if (counts.failed > 0 || (code === 0 && counts.passed > 0)) return counts;
    failures.push(`${title} ${end} after ${counts.passed} tests`);
    return { ...counts, failed: 1 };
  } catch (error) {
    failures.push(`${title} ${end}: ${(error as Error).message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Node's cache of compiled modules, for all of its processes. */
const compiled = () => join(folder, "node");
/** What most processes of tests load. */
const ENTRIES = ["mod.ts", "src/redis/mod.ts", "cli/program.ts", "tests/support/child.ts"];

/** Fills the cache: processes that are killed, as in many tests, do not write what they compiled. */
function compileForNode({ path }: Runtime): void {
  const imports = ENTRIES.map((entry) => `await import(${JSON.stringify(join(ROOT, entry))});`);
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled() };
  spawnSync(path, ["--input-type=module", "--eval", imports.join("")], { env, stdio: "ignore" });
}

function add(sum: Counts, { passed, failed, skipped }: Counts): void {
  sum.passed += passed;
  sum.failed += failed;
  sum.skipped += skipped;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    for (const child of running) kill(child, signal);
    process.exit(128 + constants.signals[signal]);
  });
}

const folder = mkdtempSync(join(tmpdir(), "interlock-tests-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.env.INTERLOCK_SCRATCH = folder;
const sum = { passed: 0, failed: 0, skipped: 0 };
try {
  const selected = process.argv.slice(2);
  const files = testFiles(selected);
  if (files.length === 0) {
    throw new Error(
      `Cannot run tests: no path in tests/ begins with ${selected.join(", ")}`,
    );
  }
  const runtimes = await findRuntimes(["deno", "bun", "node"]);
  compileForNode(runtimes.find(({ name }) => name === "node")!);
  const environment = Object.fromEntries(
    runtimes.map(({ name, path }) => [`INTERLOCK_${name.toUpperCase()}`, path]),
  );
  const counts = new Map(
    runtimes.map(({ name }) => [name, { passed: 0, failed: 0, skipped: 0 }]),
  );
  const parts = [
    ...partAsOrdinaryUser(runtimes, files),
    ...runtimes.flatMap((runtime) =>
      partsOf(runtime, filesFor(runtime, files, selected.length > 0))
    ),
  ].entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [i, part] of parts) {
      add(counts.get(part.runtime.name)!, await testPart(part, environment, join(folder, `${i}`)));
    }
  }));
  for (const [name, one] of counts) {
    console.log(`${name}: ${one.passed} passed, ${one.failed} failed, ${one.skipped} skipped`);
    add(sum, one);
  }
} catch (error) {
  failures.push((error as Error).message);
  sum.failed++;
}
for (const failure of failures) console.log(`FAILED: ${failure}`);
console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exit(sum.failed === 0 ? 0 : 1);
