import type { Table } from "./answer.ts";

/** Formats a table as `deno fmt` does. */
export function markdownTable({ head, rows }: Table): string {
  const cells = [head, ...rows].map((row) => row.map((text) => text.replaceAll("|", "\\|")));
  const widths = head.map((_, i) =>
    Math.max(i === 0 ? 3 : 2, ...cells.map((row) => row[i].length))
  );
  const rule = widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`);
  const [first, ...lines] = cells.map((row) =>
    row.map((text, i) => i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))
  );
  return [first, rule, ...lines].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Breaks text into lines of at most 100 characters, as `deno fmt` does. */
export function wrapped(text: string): string {
  return text.match(/\S(?:.{0,99}|\S*)(?= |$)/g)?.join("\n") ?? "";
}

/**
 * Replaces the text between `<!-- report: NAME -->` and `<!-- /report -->` by the block of that
 * name.
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
