import { readFileSync } from "node:fs";
import { figuresFor } from "../../src/advice/figures.ts";
import type { Results } from "../results.ts";
import type { Answer } from "./answers/answer.ts";
import { losses } from "./answers/rivals.ts";
import { draw, WIDE } from "./charts/chart.ts";
import { DARK, LIGHT } from "./charts/palette.ts";
import { render } from "./charts/render.ts";
import { counted, listed, versionsOf } from "./figures.ts";
import { claimsOf, partsByVariant, standing } from "./goals.ts";
import { filled, item, markdownTable, wrapped } from "./markdown.ts";
import { summary, warnings } from "./runs.ts";

const ROOT = new URL("../../", import.meta.url);
/** The answers whose charts README.md shows. */
const FRONT = ["rivals", "scaling"];
const PAGES = ["README.md", "docs/performance.md"];
const PALETTES = [["light", LIGHT], ["dark", DARK]] as const;

/** Builds all documentation files that are made from results, by path. */
export async function documentation(
  results: Results,
  file: string,
  answers: readonly Answer[],
): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const front = FRONT.flatMap((id) => answers.find((one) => one.id === id && one.chart) ?? []);
  for (const { id, question, answer, chart, main = chart } of front) {
    const words = { id, title: question, description: plain(answer) };
    for (const [name, palette] of PALETTES) {
      const svg = await render(draw(main!, { palette, width: WIDE }), words);
      files.set(`docs/charts/${id}-${name}.svg`, `${svg}\n`);
    }
  }
  const blocks = new Map(answers.map(({ id, answer, table }) => [
    id,
    [wrapped(answer), ...table.rows.length > 0 ? [markdownTable(table)] : []].join("\n\n"),
  ]));
  blocks.set("run", run(results, file));
  blocks.set("goals", goals(results));
  const slower = losses(results);
  blocks.set("losses", slower.rows.length > 0 ? markdownTable(slower) : "Nowhere in this run.");
  blocks.set("charts", charts(results, front));
  for (const page of PAGES) {
    files.set(page, filled(readFileSync(new URL(page, ROOT), "utf8"), blocks));
  }
  files.set("src/advice/figures.json", `${JSON.stringify(figuresFor(results), null, 2)}\n`);
  return files;
}

function plain(text: string): string {
  return text.replaceAll("**", "");
}

function strongWarnings(results: Results): string[] {
  return warnings(results).map((warning) => `**${warning}**`);
}

function run(results: Results, file: string): string {
  const { when, machine, versions, rounds, mode, wallSeconds, missing } = results;
  const { cores, cpu, platform, kernel, fileSystems, noise } = machine;
  const systems = Object.entries(fileSystems).map(([path, kind]) =>
    `${path === "in memory" ? "files in memory" : path} on ${kind}`
  );
  const minutes = Math.max(1, Math.round(wallSeconds / 60));
  const text = wrapped([
    `The figures below are of [${file}](../bench/results/${file}), ${when.slice(0, 10)}:`,
    `${counted(cores, "core")} of ${cpu}, ${platform} ${kernel}, ${listed(systems)};`,
    `${listed(versionsOf(versions).map((one) => one.join(" ")))}.`,
    `${counted(rounds, "round")} of \`deno task bench${mode === "quick" ? " --quick" : ""}\``,
    `in ${counted(minutes, "minute")};`,
    `the rounds of a row differ by ${Math.round(noise * 100)} % (median).`,
    ...strongWarnings(results),
  ].join(" "));
  const lacking = missing.map(({ what, todo }) => item(`${what}; ${todo}.`));
  return lacking.length === 0 ? text : `${text}\n\nNot measured:\n\n${lacking.join("\n")}`;
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
  const text =
    `**${standing(claims)}** goals are met in every runtime and every size in which they ` +
    "were measured.";
  return `${wrapped(text)}\n\n${table}`;
}

function verdictOf(parts: readonly { readonly who: string; readonly met: boolean }[]): string {
  const missed = parts.filter(({ met }) => !met).map(({ who }) => who);
  if (missed.length === 0) return "met";
  return missed.length === parts.length ? "**not met**" : `**not met** by ${listed(missed)}`;
}

function charts(results: Results, front: readonly Answer[]): string {
  if (front.length === 0) return "Not measured yet.";
  const pictures = front.map(({ id, question, answer }) => {
    const alt = `${question} ${plain(answer)}`.replaceAll('"', "&quot;");
    return `${wrapped(answer)}\n\n<picture>\n` +
      `  <source media="(prefers-color-scheme: dark)" srcset="docs/charts/${id}-dark.svg">\n` +
      `  <img alt="${alt}" src="docs/charts/${id}-light.svg">\n</picture>`;
  });
  const about = [`Measured ${summary(results)}`, ...strongWarnings(results)].join(" ");
  return [wrapped(about), ...pictures].join("\n\n");
}
