import { readFileSync } from "node:fs";
import type { Results } from "../results.ts";
import type { Answer, Table } from "./answers/answer.ts";
import { listed, type Series, SERIES_NAMES, versionsOf } from "./figures.ts";
import { type Claim, claimsOf, partsByVariant } from "./goals.ts";
import { DARK, LIGHT, NAMED, variables } from "./charts/palette.ts";
import { escapeXml, render } from "./charts/render.ts";

const STYLE = new URL("./style.css", import.meta.url);
const RUNTIME_VERSIONS = ["deno", "bun", "node"];

/** Writes the page, which loads no script, font or picture. */
export async function pageOf(results: Results, answers: readonly Answer[]): Promise<string> {
  const claims = claimsOf(results);
  const sections = await Promise.all(answers.map(sectionOf));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Interlock, measured</title>
<style>
${styleSheet()}
</style>
</head>
<body>
<header>
<p class="eyebrow">Interlock, measured</p>
<h1>${escapeXml(headline(results, claims))}</h1>
<p class="lead">${lead(results)}</p>
${mode(results)}
<nav aria-label="Questions"><ul>
${
    [...answers.map(({ id, question }) => [id, question]), ["goals", "Goals"], [
      "machine",
      "Machine",
    ]]
      .map(([id, text]) => `<li><a href="#${id}">${escapeXml(text)}</a></li>`).join("\n")
  }
</ul></nav>
</header>
<main>
${sections.join("\n")}
${goalsOf(claims)}
${machineOf(results)}
</main>
</body>
</html>
`;
}

function styleSheet(): string {
  return readFileSync(STYLE, "utf8")
    .replaceAll("/* palette: light */", variables(LIGHT))
    .replaceAll("/* palette: dark */", variables(DARK)).trim();
}

function headline({ rows }: Results, claims: readonly Claim[]): string {
  const parts = claims.flatMap(({ parts }) => parts);
  const met = parts.filter(({ met }) => met).length;
  const figures = `${rows.length.toLocaleString("en")} figures`;
  return parts.length === 0 ? figures : `${figures}; ${met} of ${parts.length} goals met`;
}

function lead({ when, machine, rounds, versions }: Results): string {
  const runtimes = RUNTIME_VERSIONS.filter((name) => name in versions)
    .map((name) => `${SERIES_NAMES[name as Series]} ${versions[name]}`);
  const date = new Date(when).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return escapeXml(
    `${date}, ${machine.cores} cores of ${machine.cpu}, ${listed(runtimes)}. ${
      rounds === 1 ? "One round." : `Medians of ${rounds} rounds.`
    }`,
  );
}

/** Warnings about figures that are rough or incomplete. */
function mode({ mode, filter, machine }: Results): string {
  const warnings: string[] = [];
  if (mode === "quick") warnings.push("A quick run: its figures are rough.");
  if (filter !== undefined) warnings.push(`Only a part of the benchmark: ${filter}.`);
  if (machine.load.before > machine.cores / 4) {
    warnings.push(
      `The machine was not idle: load average ${machine.load.before.toFixed(2)} at the start.`,
    );
  }
  return warnings.length === 0 ? "" : `<p class="warning">${escapeXml(warnings.join(" "))}</p>`;
}

async function sectionOf(answer: Answer): Promise<string> {
  const { id, question, reading, draw, front, table } = answer;
  const charts = draw === undefined ? [] : [
    await chartOf(answer, "wide", draw({ palette: NAMED, narrow: false })),
    await chartOf(answer, "narrow", draw({ palette: NAMED, narrow: true })),
    // The full chart may not fit on a sheet of paper.
    ...front === undefined
      ? []
      : [await chartOf(answer, "paper", front({ palette: NAMED, narrow: false }))],
  ];
  const figure = charts.length === 0 ? "" : `<figure>
<figcaption>${escapeXml(reading)}</figcaption>
${charts.join("\n")}
</figure>`;
  return `<section id="${id}">
<h2>${escapeXml(question)}</h2>
<p class="answer">${strong(answer.answer)}</p>
${figure}
${table.rows.length === 0 ? "" : details(table)}
</section>`;
}

async function chartOf(
  { id, question, answer }: Answer,
  kind: string,
  spec: Parameters<typeof render>[0],
): Promise<string> {
  const description = answer.replaceAll("**", "");
  const svg = await render(spec, { id: `${id}-${kind}`, title: question, description });
  return `<div class="${kind}">${svg}</div>`;
}

function strong(text: string): string {
  return prose(text).replaceAll(/\*\*(.+?)\*\*/g, "<strong>$1</strong>");
}

/** Escapes text and keeps each number on one line with its unit. */
function prose(text: string): string {
  return escapeXml(text.replaceAll(/(\d) (?=(?:ns|µs|ms|s|%|times)(?![a-z]))/g, "$1\u00a0"));
}

function details(table: Table): string {
  return `<details>
<summary>The figures</summary>
${tableOf(table)}
</details>`;
}

function tableOf({ head, rows }: Table): string {
  const cell = (text: string, i: number) =>
    i === 0 ? `<th scope="row">${escapeXml(text)}</th>` : `<td>${escapeXml(text)}</td>`;
  return `<div class="scroll" tabindex="0" role="region" aria-label="Table of figures"><table>
<thead><tr>${head.map((text) => `<th scope="col">${escapeXml(text)}</th>`).join("")}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`).join("\n")}
</tbody>
</table></div>`;
}

function goalsOf(claims: readonly Claim[]): string {
  if (claims.length === 0) return "";
  const items = claims.map((claim) =>
    `<li>
<p>${prose(claim.claim)} <span class="goal">${prose(claim.goal)}</span></p>
${partsByVariant(claim).map(verdictsOf).join("\n")}
${claim.shortfall === undefined ? "" : `<p class="shortfall">${prose(claim.shortfall)}</p>`}
</li>`
  );
  const whole = claims.filter(({ met, parts }) => met === parts.length).length;
  return `<section id="goals">
<h2>Goals</h2>
<p class="answer"><strong>${whole} of ${claims.length}</strong> goals are met in every runtime.</p>
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
  const heading = variant === "" ? "" : `<li class="where">${escapeXml(variant)}</li>`;
  return `<ul class="verdicts">${heading}${items.join("")}</ul>`;
}

function machineOf(
  { machine, versions, missing, wallSeconds, when, rows, rounds }: Results,
): string {
  const gigabytes = `${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB`;
  const facts: [string, string][] = [
    ["Processor", `${machine.cores} × ${machine.cpu} (${machine.arch})`],
    ["Memory", gigabytes],
    ["System", `${machine.platform} ${machine.kernel}`],
    ...Object.entries(machine.fileSystems).map(([path, kind]): [string, string] => [path, kind]),
    ["Load before, after", `${machine.load.before.toFixed(2)}, ${machine.load.after.toFixed(2)}`],
    ["Noise", `${Math.round(machine.noise * 100)} % between the rounds of a row (median)`],
    ["Run", `${when.slice(0, 16).replace("T", " ")} UTC, ${minutes(wallSeconds)}`],
    ["Figures", `${rows.length.toLocaleString("en")} of ${rounds} rounds each`],
    ...versionsOf(versions),
  ];
  const lacks = missing.length === 0 ? "<p>Nothing.</p>" : `<ul>
${missing.map(({ what, todo }) => `<li>${escapeXml(what)}; ${escapeXml(todo)}.</li>`).join("\n")}
</ul>`;
  return `<section id="machine">
<h2>Machine</h2>
<dl>
${
    facts.map(([name, value]) =>
      `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`
    ).join("\n")
  }
</dl>
<h3>What was not measured</h3>
${lacks}
</section>`;
}

function minutes(seconds: number): string {
  return seconds < 120 ? `${Math.round(seconds)} s` : `${(seconds / 60).toFixed(1)} min`;
}
