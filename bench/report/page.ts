import { readFileSync } from "node:fs";
import type { Results } from "../results.ts";
import type { Answer, Table } from "./answers/answer.ts";
import { type Chart, draw, NARROW, WIDE } from "./charts/chart.ts";
import { NAMED, VARIABLES } from "./charts/palette.ts";
import { escapeXml, render } from "./charts/render.ts";
import { counted, versionsOf } from "./figures.ts";
import { type Claim, claimsOf, partsByVariant, standing } from "./goals.ts";
import { summary, warnings } from "./runs.ts";

const STYLE = new URL("./style.css", import.meta.url);

/** Writes the page, which loads no script, font or picture. */
export async function pageOf(results: Results, answers: readonly Answer[]): Promise<string> {
  const claims = claimsOf(results);
  const links = [
    ...answers.map(({ id, question }) => [id, question]),
    ...claims.length > 0 ? [["goals", "Goals"]] : [],
    ["machine", "Machine"],
  ];
  const warning = warnings(results).join(" ");
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
<h1>${headline(results, claims)}</h1>
<p class="quiet">${escapeXml(summary(results))}</p>
${warning === "" ? "" : `<p class="warning">${escapeXml(warning)}</p>`}
<nav aria-label="Questions">
${links.map(([id, text]) => `<a href="#${id}">${escapeXml(text)}</a>`).join("\n")}
</nav>
</header>
<main>
${(await Promise.all(answers.map(sectionOf))).join("\n")}
${claims.length === 0 ? "" : goalsOf(claims)}
${machineOf(results)}
</main>
</body>
</html>
`;
}

function headline({ rows }: Results, claims: readonly Claim[]): string {
  const goals = claims.length === 0 ? "" : `; ${standing(claims)} goals met`;
  return `${counted(rows.length, "figure")}${goals}`;
}

async function sectionOf(answer: Answer): Promise<string> {
  const { id, question, reading, chart, main, table } = answer;
  const charts = chart === undefined ? [] : [
    await chartOf(answer, "wide", chart, WIDE),
    await chartOf(answer, "narrow", chart, NARROW),
    // The full chart may not fit on a sheet of paper.
    ...main === undefined ? [] : [await chartOf(answer, "paper", main, WIDE)],
  ];
  return `<section id="${id}">
<h2>${escapeXml(question)}</h2>
<p class="answer">${prose(answer.answer)}</p>
${
    charts.length === 0 ? "" : `<figure>
<figcaption class="quiet">${escapeXml(reading)}</figcaption>
${charts.join("\n")}
</figure>`
  }
${table.rows.length === 0 ? "" : tableOf(table)}
</section>`;
}

async function chartOf(
  { id, question, answer }: Answer,
  kind: string,
  chart: Chart,
  width: number,
): Promise<string> {
  const words = { id: `${id}-${kind}`, title: question, description: answer.replaceAll("**", "") };
  const svg = await render(draw(chart, { palette: NAMED, width }), words);
  return `<div class="${kind}">${svg}</div>`;
}

/** Escapes text, marks its main figures and keeps each number on one line with its unit. */
function prose(text: string): string {
  return escapeXml(text.replaceAll(/(\d) (?=(?:ns|µs|ms|s|%|times)(?![a-z]))/g, "$1\u00a0"))
    .replaceAll(/\*\*(.+?)\*\*/g, "<strong>$1</strong>");
}

function tableOf({ head, rows }: Table): string {
  const cell = (text: string, i: number) =>
    i === 0 ? `<th scope="row">${escapeXml(text)}</th>` : `<td>${escapeXml(text)}</td>`;
  return `<details>
<summary class="quiet">The figures</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Table of figures"><table>
<thead><tr>${head.map((text) => `<th scope="col">${escapeXml(text)}</th>`).join("")}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("\n")}
</tbody>
</table></div>
</details>`;
}

function goalsOf(claims: readonly Claim[]): string {
  const items = claims.map((claim) =>
    `<li>
<p>${prose(claim.claim)} <span class="quiet">${prose(claim.goal)}</span></p>
${partsByVariant(claim).map(verdictsOf).join("\n")}
</li>`
  );
  return `<section id="goals">
<h2>Goals</h2>
<p class="answer"><strong>${standing(claims)}</strong> goals are met in every runtime and every
size in which they were measured. What was tried for the others is in docs/performance.md.</p>
<ol class="goals">
${items.join("\n")}
</ol>
</section>`;
}

function verdictsOf([variant, parts]: ReturnType<typeof partsByVariant>[number]): string {
  const items = parts.map(({ who, measured, met }) =>
    `<li class="${met ? "met" : "missed"}">${escapeXml(who)} <b>${prose(measured)}</b> ${
      met ? "met" : "not met"
    }</li>`
  );
  const heading = variant === "" ? "" : `<li class="variant quiet">${escapeXml(variant)}</li>`;
  return `<ul>${heading}${items.join("")}</ul>`;
}

function machineOf(
  { machine, versions, missing, wallSeconds, when, rows, rounds }: Results,
): string {
  const { cores, cpu, arch, memoryBytes, platform, kernel, fileSystems, load, noise } = machine;
  const facts: [string, string][] = [
    ["Processor", `${cores} × ${cpu} (${arch})`],
    ["Memory", `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    ["System", `${platform} ${kernel}`],
    ...Object.entries(fileSystems),
    ["Load before, after", `${load.before.toFixed(2)}, ${load.after.toFixed(2)}`],
    ["Noise", `${Math.round(noise * 100)} % between the rounds of a row (median)`],
    ["Run", `${when.slice(0, 16).replace("T", " ")} UTC, ${(wallSeconds / 60).toFixed(1)} min`],
    ["Figures", `${rows.length.toLocaleString("en")} of ${rounds} rounds each`],
    ...versionsOf(versions),
  ];
  const lacks = missing.map(({ what, todo }) => `<li>${escapeXml(what)}; ${escapeXml(todo)}.</li>`);
  return `<section id="machine">
<h2>Machine</h2>
<dl>
${
    facts.map(([name, value]) =>
      `<div><dt class="quiet">${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`
    ).join("\n")
  }
</dl>
<h3>What was not measured</h3>
${lacks.length === 0 ? "<p>Nothing.</p>" : `<ul>\n${lacks.join("\n")}\n</ul>`}
</section>`;
}
