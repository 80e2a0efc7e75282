/**
 * Writes the report of a benchmark run: one HTML page; with `--docs` also the charts and tables of
 * the documentation.
 *
 * @module
 */
import { Command, Option } from "commander";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { newest, readResults, type Run } from "../results.ts";
import { documentation } from "./docs.ts";
import { pageOf } from "./page.ts";
import { forDocumentation } from "./runs.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE = resolve(ROOT, "bench/report.html");

/** Writes the files of the documentation, or only reports which of them are out of date. */
async function writeDocs({ file, results }: Run, check = false): Promise<void> {
  const files = await documentation(results, file);
  const stale = [...files].filter(([name, text]) => {
    const path = resolve(ROOT, name);
    return !existsSync(path) || readFileSync(path, "utf8") !== text;
  });
  if (!check) stale.forEach(([name, text]) => write(resolve(ROOT, name), text, `from ${file}`));
  else if (stale.length > 0) {
    const names = stale.map(([name]) => name).join(", ");
    throw new Error(`Out of date with ${file}: ${names}; run \`deno task report --docs\``);
  }
}

function write(path: string, text: string, what: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`${pathToFileURL(path).href}: ${what}`);
}

type Options = { readonly out: string; readonly docs?: true; readonly check?: true };

async function main(path: string | undefined, { out, docs, check }: Options): Promise<void> {
  const run = path !== undefined
    ? { file: basename(path), results: readResults(path) }
    : docs || check
    ? forDocumentation()
    : newest(() => true);
  if (run === undefined) {
    throw new Error("Cannot write a report: bench/results has no run; `deno task bench` makes one");
  }
  if (docs || check) await writeDocs(run, check);
  if (check) return;
  const page = await pageOf(run.results);
  write(resolve(out), page, `${run.results.rows.length} figures of ${run.file}`);
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
