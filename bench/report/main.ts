/**
 * Writes the report of a benchmark run: one HTML page; with `--docs` also the charts and tables of
 * the documentation.
 *
 * @module
 */
import { Command, Option } from "commander";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readResults } from "../results.ts";
import { answersTo } from "./answers/all.ts";
import { documentation } from "./docs.ts";
import { pageOf } from "./page.ts";
import { forDocumentation, newest, type Run } from "./runs.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = fileURLToPath(new URL("bench/report.html", ROOT));

interface Options {
  readonly out: string;
  readonly docs?: true;
  readonly check?: true;
}

async function writePage({ file, results }: Run, out: string): Promise<void> {
  const page = await pageOf(results, answersTo(results));
  mkdirSync(dirname(resolve(out)), { recursive: true });
  writeFileSync(out, page);
  console.log(`${pathToFileURL(out).href}: ${results.rows.length} figures of ${file}`);
}

/** Writes the files, or only reports which of them are out of date. */
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
  throw new Error(`Out of date with ${file}: ${stale.join(", ")}; run \`deno task report --docs\``);
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
    else if (check) console.log("bench/results has no run from which to write the documentation");
    if (check) return;
  }
  const run = given ?? newest(() => true);
  if (run === undefined) {
    throw new Error("Cannot write a report: bench/results has no run; `deno task bench` makes one");
  }
  await writePage(run, out);
}

const program = new Command("report")
  .description("Writes the report of a benchmark run.")
  .argument("[results]", "file of the run (default: the newest in bench/results)")
  .option("--out <file>", "path of the page", PAGE)
  .option("--docs", "also write the charts and tables of the documentation")
  .addOption(new Option("--check", "only check whether the documentation is up to date"))
  .action(main);
try {
  await program.parseAsync();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
