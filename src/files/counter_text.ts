import { quoteText } from "../contract/printable.ts";

const [SPACE, NEWLINE, MINUS, ZERO] = [32, 10, 45, 48];
/** Editors add white space around a number; a crash can leave NULs at the end. */
const NUMBER = /^\s*([+-]?\d+)[\s\0]*$/;
const BYTES = 256;

const decoder = new TextDecoder();

/** A whole number as the text of a file. */
export class CounterText {
  /** The bytes that were read. */
  readonly buffer: Uint8Array = new Uint8Array(BYTES);
  /** The bytes that will be written. */
  readonly #written = new Uint8Array(BYTES);
  /** Its beginnings by their length, so that a write makes no object. */
  readonly #beginnings: Uint8Array[] = [];

  /** The number in the first `length` bytes of the buffer; `undefined` if they are no number. */
  parse(length: number): number | undefined {
    const simple = this.#simple(length);
    if (simple >= 0) return simple;
    if (length === BYTES) return undefined;
    const text = decoder.decode(this.buffer.subarray(0, length));
    const digits = NUMBER.exec(text)?.[1];
    const number = digits === undefined ? NaN : Number(digits);
    return Number.isSafeInteger(number) ? number + 0 : undefined;
  }

  /** The beginning of the text that was read, for a message. */
  excerpt(length: number): string {
    return quoteText(decoder.decode(this.buffer.subarray(0, Math.min(length, 40))));
  }

  /** The text that was read, with as many spaces behind it that it covers `least` bytes. */
  unchanged(length: number, least: number): Uint8Array {
    const text = new Uint8Array(Math.max(length, least)).fill(SPACE);
    text.set(this.buffer.subarray(0, length));
    return text;
  }

  /** The text of a number, padded to `least` bytes; valid until the next call. */
  format(number: number, least: number): Uint8Array {
    const buffer = this.#written;
    let digits = 1;
    for (let rest = Math.abs(number); rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let at = 0;
    if (number < 0) buffer[at++] = MINUS;
    let rest = Math.abs(number);
    for (let i = at + digits - 1; i >= at; i--) {
      const next = Math.floor(rest / 10);
      buffer[i] = ZERO + (rest - next * 10);
      rest = next;
    }
    at += digits;
    while (at + 1 < least) buffer[at++] = SPACE;
    buffer[at++] = NEWLINE;
    return this.#beginnings[at] ??= buffer.subarray(0, at);
  }

  /** The number if the text is only digits and a newline, else -1. Faster than the decoder. */
  #simple(length: number): number {
    const { buffer } = this;
    if (length < 2 || length > 16 || buffer[length - 1] !== NEWLINE) return -1;
    let number = 0;
    for (let i = 0; i < length - 1; i++) {
      const digit = buffer[i] - ZERO;
      if (digit < 0 || digit > 9) return -1;
      number = number * 10 + digit;
    }
    return number;
  }
}
