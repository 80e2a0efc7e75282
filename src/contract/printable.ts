/** Characters that a terminal acts on, or that make text look like other text; half characters. */
export const UNPRINTABLE: RegExp = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Texts that are printed as they are: most. */
const PLAIN = /^[ -~]*$/;

/** Text from a file or a server for a message: what a terminal would act on is escaped. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text; // Much faster.
  return text.replace(UNPRINTABLE, (one) => `\\u{${one.codePointAt(0)!.toString(16)}}`);
}

/** The same in quotes. */
export function quoteText(text: string): string {
  return printable(JSON.stringify(text));
}
