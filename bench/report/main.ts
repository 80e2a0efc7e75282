/**
 * Writes the report of a run of the bench: one HTML page; with `--docs` the charts and tables of
 * the documentation as well.
 *
 * @module
 */
import { Command, Option } from "commander";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readResults, type Results } from "../results.ts";
import { answersTo } from "./answers/all.ts";
import { documentation } from "./docs.ts";
import { pageOf } from "./page.ts";

const ROOT = new URL("../../", import.meta.url);
const RESULTS = new URL("bench/results/", ROOT);
const PAGE = fileURLToPath(new URL("bench/report.html", ROOT));

interface Options {
  readonly out: string;
  readonly docs?: true;
  readonly check?: true;
}

interface Run {
  readonly file: string;
  readonly results: Results;
}

/** The newest run in bench/results that is as wanted. */
function newest(wanted: (results: Results) => boolean): Run | undefined {
  const names = readdirSync(RESULTS).filter((name) => /^\d{4}-.*\.json$/.test(name)).sort();
  for (const name of names.reverse()) {
    const file = new URL(name, RESULTS);
    // Those of the first format stay where they are, and are no longer read.
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { version?: number };
    if (version !== 2) continue;
    const results = readResults(file);
    if (wanted(results)) return { file: name, results };
  }
  return undefined;
}

/** What people elsewhere read comes from a whole run; full, unless all there is is a quick one. */
function forDocumentation(): Run | undefined {
  const whole = ({ filter }: Results) => filter === undefined;
  return newest((results) => whole(results) && results.mode === "full") ?? newest(whole);
}

async function writePage({ file, results }: Run, out: string): Promise<void> {
  const page = await pageOf(results, answersTo(results));
  mkdirSync(dirname(resolve(out)), { recursive: true });
  writeFileSync(out, page);
  console.log(`${pathToFileURL(out).href}: ${results.rows.length} figures of ${file}`);
}

/** Writes the files, or says which of them are not as they would be written. */
async function writeDocs({ file, results }: Run, check: boolean): Promise<void> {
  const files = await documentation(results, file, answersTo(results));
  const stale: string[] = [];
  for (const [path, text] of files) {
    const url = new URL(path, ROOT);
    if (read(url) === text) continue;
    stale.push(path);
    if (check) continue;
    mkdirSync(new URL(".", url), { recursive: true });
    writeFileSync(url, text);
    console.log(`${path}: written from ${file}`);
  }
  if (!check || stale.length === 0) return;
  throw new Error(`Not what ${file} gives: ${stale.join(", ")}; run \`deno task report --docs\``);
}

function read(file: URL): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

async function main(path: string | undefined, { out, docs, check }: Options): Promise<void> {
  const given = path === undefined
    ? undefined
    : { file: basename(path), results: readResults(path) };
  if (docs || check) {
    const run = given ?? forDocumentation();
    if (run !== undefined) await writeDocs(run, check ?? false);
    else if (check) console.log("bench/results has no run to write the documentation from");
    if (check) return;
  }
  const run = given ?? newest(() => true);
  if (run === undefined) throw new Error("bench/results has no run: `deno task bench` makes one");
  await writePage(run, out);
}

const program = new Command("report")
  .description("Writes the report of a run of the bench.")
  .argument("[results]", "the file of the run (default: the newest in bench/results)")
  .option("--out <file>", "where the page goes", PAGE)
  .option("--docs", "write the charts and tables of the documentation too")
  .addOption(new Option("--check", "only say whether the documentation is as --docs writes it"))
  .action(main);
try {
  await program.parseAsync();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
