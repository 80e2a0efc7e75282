import { stripVTControlCharacters } from "node:util";

/** Breaks a text between words into lines of up to `room` characters; a longer word stays whole. */
export function fold(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** A word of up to `room` characters, shortened in its middle: both ends of a path say most. */
export function elide(word: string, room: number): string {
  if (word.length <= room) return word;
  const end = Math.floor((room - 1) / 2);
  return `${word.slice(0, room - 1 - end)}…${word.slice(word.length - end)}`;
}

/** The characters of a text; colours take no room. */
export function widthOf(text: string): number {
  return (text.includes("\x1b") ? stripVTControlCharacters(text) : text).length;
}

/** Pads a text to a width, at its end or at its beginning. */
export function pad(text: string, width: number, atEnd = true): string {
  const length = width + text.length - widthOf(text); // Colours take no room.
  return atEnd ? text.padEnd(length) : text.padStart(length);
}

/** Breaks a text into lines that are indented, those after the first by 2 more. */
export function hang(text: string, room: number, indent: number): string[] {
  return fold(text, room - indent - 2).map((line, i) =>
    " ".repeat(i === 0 ? indent : indent + 2) + line
  );
}
