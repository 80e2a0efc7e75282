import { readFileSync } from "node:fs";
import { figuresFor } from "../../src/advice/figures.ts";
import type { Results } from "../results.ts";
import { answersTo } from "./answers.ts";
import type { Answer } from "./answer.ts";
import { losses } from "./rivals.ts";
import { draw, WIDE } from "./charts/chart.ts";
import { DARK, LIGHT } from "./charts/palette.ts";
import { render } from "./charts/render.ts";
import { filled, markdownTable, wrapped } from "./markdown.ts";
import { summary, warnings } from "./runs.ts";

const ROOT = new URL("../../", import.meta.url);
/** The answers whose charts README.md shows. */
const FRONT = ["rivals", "scaling"];
const PAGES = ["README.md", "docs/performance.md"];
const PALETTES = [["light", LIGHT], ["dark", DARK]] as const;

/** Builds all documentation files that are made from results, by path. */
export async function documentation(results: Results, file: string): Promise<Map<string, string>> {
  const answers = answersTo(results);
  const front = FRONT.flatMap((id) => answers.find((one) => one.id === id && one.chart) ?? []);
  const files = new Map<string, string>();
  for (const answer of front) {
    const { id, chart, main = chart } = answer;
    for (const [name, palette] of PALETTES) {
      const svg = await render(draw(main!, palette, WIDE), id, answer);
      files.set(`docs/charts/${id}-${name}.svg`, `${svg}\n`);
    }
  }
  const warning = `**${warnings(results)}**`.replace("****", "");
  const blocks = new Map(answers.map(({ id, answer, table }) => [
    id,
    [wrapped(answer), ...table.rows.length > 0 ? [markdownTable(table)] : []].join("\n\n"),
  ]));
  const link = `[${file}](../bench/results/${file})`;
  blocks.set("run", wrapped(`The figures below are of ${link}. ${warning}`.trim()));
  const slower = losses(results);
  blocks.set("losses", slower.rows.length > 0 ? markdownTable(slower) : "Nowhere in this run.");
  blocks.set(
    "charts",
    [
      wrapped(`Measured ${summary(results)} ${warning}`.trim()),
      ...front.map(picture),
    ].join("\n\n"),
  );
  for (const page of PAGES) {
    files.set(page, filled(readFileSync(new URL(page, ROOT), "utf8"), blocks));
  }
  files.set("src/advice/figures.json", `${JSON.stringify(figuresFor(results), null, 2)}\n`);
  return files;
}

function picture({ id, question, answer }: Answer): string {
  const alt = `${question} ${answer}`.replaceAll("**", "").replaceAll('"', "&quot;");
  return `${wrapped(answer)}

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="docs/charts/${id}-dark.svg">
  <img alt="${alt}" src="docs/charts/${id}-light.svg">
</picture>`;
}
