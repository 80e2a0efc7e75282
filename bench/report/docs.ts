import { readFileSync } from "node:fs";
import { figuresFor } from "../../cli/advice/figures.ts";
import type { Results } from "../results.ts";
import type { Answer } from "./answers/answer.ts";
import { duration, type Hand, HAND_NAMES, listed, times } from "./figures.ts";
import { type Claim, claimsOf, partsByPlace } from "./goals.ts";
import { filled, item, markdownTable, wrapped } from "./markdown.ts";
import { DARK, LIGHT } from "./charts/palette.ts";
import { render } from "./charts/render.ts";
import { losses, type Match } from "./answers/rivals.ts";

const ROOT = new URL("../../", import.meta.url);
/** The answers whose charts the front page shows. */
const FRONT = ["rivals", "scaling"];
const PAGES = ["README.md", "docs/performance.md"];

/** All files of the documentation that come from results, by their paths. */
export async function documentation(
  results: Results,
  file: string,
  answers: readonly Answer[],
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { id, question, answer, draw } of answers) {
    if (!FRONT.includes(id) || draw === undefined) continue;
    for (const [name, palette] of [["light", LIGHT], ["dark", DARK]] as const) {
      const svg = await render(draw({ palette, narrow: false }), {
        id,
        title: question,
        description: answer.replaceAll("**", ""),
      });
      files.set(chartPath(id, name), `${svg}\n`);
    }
  }
  const blocks = blocksOf(results, file, answers);
  for (const page of PAGES) {
    files.set(page, filled(readFileSync(new URL(page, ROOT), "utf8"), blocks));
  }
  files.set("cli/advice/figures.json", `${JSON.stringify(figuresFor(results), null, 2)}\n`);
  return files;
}

function chartPath(id: string, name: "light" | "dark"): string {
  return `docs/charts/${id}-${name}.svg`;
}

function blocksOf(
  results: Results,
  file: string,
  answers: readonly Answer[],
): Map<string, string> {
  const blocks = new Map<string, string>();
  for (const { id, answer, table } of answers) {
    const parts = [wrapped(answer)];
    if (table.rows.length > 0) parts.push(markdownTable(table));
    blocks.set(id, parts.join("\n\n"));
  }
  blocks.set("run", run(results, file));
  blocks.set("goals", goals(results));
  blocks.set("losses", lossesOf(results));
  blocks.set("charts", charts(answers));
  return blocks;
}

function run(
  { when, machine, versions, rounds, mode, wallSeconds, missing }: Results,
  file: string,
) {
  const named = Object.entries(versions)
    .map(([name, version]) => `${HAND_NAMES[name as Hand] ?? name} ${version}`);
  const systems = Object.entries(machine.fileSystems).map(([path, kind]) => `${path} is ${kind}`);
  const text = `The figures below are of [${file}](../bench/results/${file}), ` +
    `${when.slice(0, 10)}: ${machine.cores} cores of ${machine.cpu}, ${machine.platform} ` +
    `${machine.kernel}, ${listed(systems)}; ${listed(named)}. ${rounds} rounds of ` +
    `\`deno task bench${mode === "quick" ? " --quick" : ""}\` in ${
      Math.round(wallSeconds / 60)
    } minutes; load ${machine.load.before.toFixed(2)} before; the rounds of a row differ by ` +
    `${Math.round(machine.noise * 100)} % (median). Medians throughout.`;
  const lacking = missing.length === 0
    ? ""
    : `\n\n${wrapped(`Not on that machine: ${listed(missing.map(({ what }) => what))}.`)}`;
  return wrapped(text) + lacking;
}

function goals(results: Results): string {
  const claims = claimsOf(results);
  if (claims.length === 0) return "This run judged no goals.";
  const table = markdownTable({
    head: ["", "goal", "measured", "verdict"],
    rows: claims.flatMap((one) =>
      partsByPlace(one).map(([where, parts]) => [
        where === "" ? one.claim : `${one.claim}: ${where}`,
        one.goal,
        parts.map(({ who, measured }) => `${who} ${measured}`.trim()).join(", "),
        verdictOf(parts),
      ])
    ),
  });
  const tried = claims.flatMap(({ claim, tried }) =>
    tried.map((text) => item(`${claim}: ${text}`))
  );
  return tried.length === 0
    ? table
    : `${table}\n\nWhat was tried where a goal is not met:\n\n${tried.join("\n")}`;
}

function verdictOf(parts: Claim["parts"]): string {
  const missed = parts.filter(({ met }) => !met).map(({ who }) => who);
  if (missed.length === 0) return "met";
  return missed.length === parts.length ? "**not met**" : `**not met** by ${listed(missed)}`;
}

function lossesOf(results: Results): string {
  const all = losses(results);
  if (all.length === 0) return "In this run there is none.";
  return all.map(({ label, crowd, rival, mean, pairs }: Match) => {
    const figures = pairs.map(({ ours }) =>
      `${HAND_NAMES[ours.runtime ?? "mixed"]} ${duration(ours.median)}`
    );
    return item(
      `${label}${crowd === undefined ? "" : `, ${crowd}`}: ${times(1 / mean)} times the time of ` +
        `${rival} (${duration(pairs[0].theirs.median)}; ${listed(figures)}).`,
    );
  }).join("\n");
}

function charts(answers: readonly Answer[]): string {
  return answers.filter(({ id, draw }) => FRONT.includes(id) && draw !== undefined)
    .sort((a, b) => FRONT.indexOf(a.id) - FRONT.indexOf(b.id))
    .map(({ id, question, answer }) => {
      const alt = `${question} ${answer.replaceAll("**", "")}`.replaceAll('"', "&quot;");
      return `${wrapped(answer)}\n\n<picture>\n` +
        `  <source media="(prefers-color-scheme: dark)" srcset="${chartPath(id, "dark")}">\n` +
        `  <img alt="${alt}" src="${chartPath(id, "light")}">\n</picture>`;
    }).join("\n\n") || "Not measured yet.";
}
