import { readFileSync } from "node:fs";
import type { Results } from "../results.ts";
import { answersTo } from "./answers.ts";
import type { Answer, Table } from "./answer.ts";
import { type Chart, draw, NARROW, WIDE } from "./charts/chart.ts";
import { NAMED, VARIABLES } from "./charts/palette.ts";
import { escapeXml, render } from "./charts/render.ts";
import { standing } from "./goals.ts";
import { summary, warnings } from "./runs.ts";

const STYLE = new URL("./style.css", import.meta.url);

/** Writes the page, which loads no script, font or picture. */
export async function pageOf(results: Results): Promise<string> {
  const answers = answersTo(results);
  const warning = warnings(results);
  const goals = results.goals.length === 0 ? "" : `; ${standing(results)} goals met`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Interlock, measured</title>
<style>
${readFileSync(STYLE, "utf8").replace("/* palette */", VARIABLES).trim()}
</style>
</head>
<body>
<header>
<p class="quiet">Interlock, measured</p>
<h1>${results.rows.length.toLocaleString("en")} figures${goals}</h1>
<p class="quiet">${escapeXml(summary(results))}</p>
${warning === "" ? "" : `<p class="warning">${escapeXml(warning)}</p>`}
<nav aria-label="Questions">
${answers.map(({ id, question }) => `<a href="#${id}">${escapeXml(question)}</a>`).join("\n")}
</nav>
</header>
<main>
${(await Promise.all(answers.map(sectionOf))).join("\n")}
</main>
</body>
</html>
`;
}

async function sectionOf(answer: Answer): Promise<string> {
  const { id, question, reading = "", chart, main, table } = answer;
  const drawn = async (kind: string, chart: Chart, width: number) => {
    const svg = await render(draw(chart, NAMED, width), `${id}-${kind}`, answer);
    return `<div class="${kind}">${svg}</div>`;
  };
  const charts = chart === undefined ? [] : [
    `<figcaption class="quiet">${escapeXml(reading)}</figcaption>`,
    await drawn("wide", chart, WIDE),
    await drawn("narrow", chart, NARROW),
    // The full chart may not fit on a sheet of paper.
    ...main === undefined ? [] : [await drawn("paper", main, WIDE)],
  ];
  return `<section id="${id}">
<h2>${escapeXml(question)}</h2>
<p class="answer">${prose(answer.answer)}</p>
${charts.length === 0 ? "" : `<figure>\n${charts.join("\n")}\n</figure>`}
${table.rows.length === 0 ? "" : tableOf(table, charts.length === 0)}
</section>`;
}

/** Escapes text, marks its main figures and keeps each number on one line with its unit or name. */
function prose(text: string): string {
  return escapeXml(
    text.replaceAll(/(?<=\w) (?=(?:ns|µs|ms|s|%|times|[\d.,]+×)(?![a-z]))/g, "\u00a0"),
  )
    .replaceAll(/\*\*(.+?)\*\*/g, "<strong>$1</strong>");
}

/** A table, which is open if there is no chart. */
function tableOf({ head, rows }: Table, isOpen: boolean): string {
  const lines = rows.map(([name, ...cells]) =>
    `<tr><th scope="row">${prose(name)}</th>${
      cells.map((text) => `<td>${prose(text)}</td>`).join("")
    }</tr>`
  );
  return `<details${isOpen ? ' open class="words"' : ""}>
<summary class="quiet">The figures</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Table of figures"><table>
<thead><tr>${head.map((text) => `<th scope="col">${escapeXml(text)}</th>`).join("")}</tr></thead>
<tbody>
${lines.join("\n")}
</tbody>
</table></div>
</details>`;
}
