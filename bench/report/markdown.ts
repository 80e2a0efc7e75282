import type { Table } from "./answers/answer.ts";

const WIDTH = 100;

/** Formats a table as `deno fmt` does. */
export function markdownTable({ head, rows }: Table): string {
  const cells = [head, ...rows].map((row) => row.map((text) => text.replaceAll("|", "\\|")));
  const widths = head.map((_, i) =>
    Math.max(i === 0 ? 3 : 2, ...cells.map((row) => [...row[i]].length))
  );
  const line = (row: readonly string[]) =>
    `| ${
      row.map((text, i) => i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i])).join(" | ")
    } |`;
  const rule = widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`);
  return [line(cells[0]), `| ${rule.join(" | ")} |`, ...cells.slice(1).map(line)].join("\n");
}

/** Breaks text into lines of at most 100 characters, as `deno fmt` does. */
export function wrapped(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (
      line !== "" && line.length + 1 + word.length > WIDTH - (lines.length > 0 ? indent.length : 0)
    ) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${indent}`);
}

/** Formats an item of a list. */
export function item(text: string): string {
  return wrapped(`- ${text}`, "  ");
}

/**
 * Replaces the text between the marks `<!-- report: NAME -->` and `<!-- /report -->` by the block of
 * that name.
 *
 * @throws {Error} If the page names a block that does not exist.
 */
export function filled(page: string, blocks: ReadonlyMap<string, string>): string {
  return page.replaceAll(
    /<!-- report: (\S+) -->.*?<!-- \/report -->/gs,
    (_, name: string) => {
      const block = blocks.get(name);
      if (block === undefined) throw new Error(`Cannot fill the page: no block is named "${name}"`);
      return `<!-- report: ${name} -->\n\n${block}\n\n<!-- /report -->`;
    },
  );
}
