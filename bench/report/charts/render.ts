import { logger, parse, View, Warn } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** Throws where Vega-Lite would only warn. */
const fail = (...words: readonly unknown[]): never => {
  throw new Error(words.join(" "));
};
const STRICT = Object.assign(logger(Warn), { error: fail, warn: fail });

/** Draws a chart as SVG, without a browser. The question and the answer are its alternative. */
export async function render(
  spec: TopLevelSpec,
  id: string,
  { question, answer }: { readonly question: string; readonly answer: string },
): Promise<string> {
  const view = new View(parse(compile(spec, { logger: STRICT }).spec), { renderer: "none" });
  // A label without room is there, but not visible.
  const svg = rounded(await view.toSVG()).replaceAll(/<text[^>]* opacity="0".*?<\/text>/g, "");
  view.finalize();
  const [, viewBox, width, height] = /viewBox="(\S+ \S+ (\S+) (\S+))"/.exec(svg)!;
  return svg.replace(
    /^<svg[^>]*>/,
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="${viewBox}" role="img" aria-labelledby="${id}-title ${id}-desc">` +
      `<title id="${id}-title">${escapeXml(question)}</title>` +
      `<desc id="${id}-desc">${escapeXml(answer.replaceAll("**", ""))}</desc>`,
  );
}

/** Rounds to a hundredth of a pixel: the last digits of a logarithm differ between engines. */
function rounded(svg: string): string {
  return svg.replaceAll(
    / (?:transform|d|x|y|x1|y1|x2|y2|width|height)="[^"]*"/g,
    (attribute) => attribute.replaceAll(/\d+\.\d{3,}/g, (number) => `${+(+number).toFixed(2)}`),
  );
}

/** Escapes text for HTML and XML, between tags and in attributes. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
