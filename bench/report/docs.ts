import { readFileSync } from "node:fs";
import { figuresFor } from "../../src/advice/figures.ts";
import type { Results } from "../results.ts";
import type { Answer } from "./answers/answer.ts";
import { counted, duration, listed, SERIES_NAMES, times, versionsOf } from "./figures.ts";
import { type Claim, claimsOf, partsByVariant } from "./goals.ts";
import { filled, item, markdownTable, wrapped } from "./markdown.ts";
import { DARK, LIGHT } from "./charts/palette.ts";
import { render } from "./charts/render.ts";
import { losses, type Match } from "./answers/rivals.ts";

const ROOT = new URL("../../", import.meta.url);
/** The answers whose charts README.md shows. */
const FRONT = ["rivals", "scaling"];
const PAGES = ["README.md", "docs/performance.md"];

/** Builds all documentation files that are made from results, by path. */
export async function documentation(
  results: Results,
  file: string,
  answers: readonly Answer[],
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { id, question, answer, draw, front = draw } of answers) {
    if (!FRONT.includes(id) || front === undefined) continue;
    for (const [name, palette] of [["light", LIGHT], ["dark", DARK]] as const) {
      const svg = await render(front({ palette, narrow: false }), {
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
  files.set("src/advice/figures.json", `${JSON.stringify(figuresFor(results), null, 2)}\n`);
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

function run(results: Results, file: string): string {
  const { when, machine, versions, rounds, mode, wallSeconds, missing } = results;
  const { cores, cpu, platform, kernel, fileSystems, load, noise } = machine;
  const systems = Object.entries(fileSystems).map(([path, kind]) =>
    `${path === "in memory" ? "files in memory" : path} on ${kind}`
  );
  const minutes = Math.max(1, Math.round(wallSeconds / 60));
  const text = [
    `The figures below are of [${file}](../bench/results/${file}), ${when.slice(0, 10)}:`,
    `${counted(cores, "core")} of ${cpu}, ${platform} ${kernel}, ${listed(systems)};`,
    `${listed(versionsOf(versions).map((one) => one.join(" ")))}.`,
    `${counted(rounds, "round")} of \`deno task bench${mode === "quick" ? " --quick" : ""}\``,
    `in ${counted(minutes, "minute")}. The load average was ${
      load.before.toFixed(2)
    } at the start;`,
    `the rounds of a row differ by ${Math.round(noise * 100)} % (median).`,
    ...mode === "quick" ? ["**This was a quick run: its figures are rough.**"] : [],
    ...load.before > cores / 4 ? ["**The machine was not idle.**"] : [],
  ].join(" ");
  if (missing.length === 0) return wrapped(text);
  const lacking = missing.map(({ what, todo }) => item(`${what}; ${todo}.`));
  return `${wrapped(text)}\n\nNot measured:\n\n${lacking.join("\n")}`;
}

function goals(results: Results): string {
  const claims = claimsOf(results);
  if (claims.length === 0) return "This run has no goals.";
  const table = markdownTable({
    head: ["", "goal", "measured", "verdict"],
    rows: claims.flatMap((one) =>
      partsByVariant(one).map(([variant, parts]) => [
        variant === "" ? one.claim : `${one.claim}: ${variant}`,
        one.goal,
        parts.map(({ who, measured }) => `${who} ${measured}`.trim()).join(", "),
        verdictOf(parts),
      ])
    ),
  });
  const missed = Map.groupBy(
    claims.filter(({ shortfall }) => shortfall !== undefined),
    ({ shortfall }) => shortfall,
  );
  if (missed.size === 0) return table;
  const reasons = [...missed].map(([shortfall, claims]) =>
    item(`${claims.map(({ claim }) => claim).join("; ")}: ${shortfall}`)
  );
  return `${table}\n\nWhy goals are missed, and what was tried:\n\n${reasons.join("\n")}`;
}

function verdictOf(parts: Claim["parts"]): string {
  const missed = parts.filter(({ met }) => !met).map(({ who }) => who);
  if (missed.length === 0) return "met";
  return missed.length === parts.length ? "**not met**" : `**not met** by ${listed(missed)}`;
}

function lossesOf(results: Results): string {
  const all = losses(results);
  if (all.length === 0) return "Nowhere in this run.";
  return all.map(({ label, members, rival, mean, pairs }: Match) => {
    const [{ theirs: { median, id } }] = pairs;
    // A package of npm has a row for each runtime; C has one row.
    const isOne = pairs.every(({ theirs }) => theirs.id === id);
    const figures = pairs.map(({ ours, theirs }) =>
      `${SERIES_NAMES[ours.runtime ?? "mixed"]} ${duration(ours.median)}` +
      (isOne ? "" : ` against ${duration(theirs.median)}`)
    );
    return item(
      `${label}${members === undefined ? "" : `, ${members}`}: ${
        times(1 / mean)
      } times as long as ` +
        `${rival} (${isOne ? `${duration(median)}; ` : ""}${listed(figures)}).`,
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
