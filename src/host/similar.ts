/** The greatest part of a name that may differ. */
const MOST_DIFFERENT = 0.4;

/** The name that was probably meant; `undefined` if none is similar. */
export function similarTo(text: string, names: readonly string[]): string | undefined {
  const near = names.map((name) => ({ name, steps: stepsBetween(text.toLowerCase(), name) }))
    .filter(({ name, steps }) => steps <= MOST_DIFFERENT * Math.max(text.length, name.length))
    .sort((a, b) => a.steps - b.steps);
  return near[0]?.name;
}

/** The insertions, deletions, replacements and swaps of neighbours from one text to the other. */
function stepsBetween(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1][j - 1] + Number(a[i - 1] !== b[j - 1]);
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
      }
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
