const [SPACE, NEWLINE, MINUS, ZERO] = [32, 10, 45, 48];
/** White space around is what editors leave; NULs at the end are what a crash can leave. */
const NUMBER = /^\s*([+-]?\d+)[\s\0]*$/;
const BYTES = 256;

const decoder = new TextDecoder();

/** A whole number as the text of a file. */
export class CounterText {
  /** What was read, or is to be written. */
  readonly buffer: Uint8Array = new Uint8Array(BYTES);

  /** The number in the first `length` bytes of the buffer; `undefined` if it is none. */
  parse(length: number): number | undefined {
    const simple = this.#simple(length);
    if (simple >= 0) return simple;
    if (length === BYTES) return undefined;
    const text = decoder.decode(this.buffer.subarray(0, length));
    const digits = NUMBER.exec(text)?.[1];
    const number = digits === undefined ? NaN : Number(digits);
    return Number.isSafeInteger(number) ? number + 0 : undefined;
  }

  /** The beginning of what was read, for a message. */
  excerpt(length: number): string {
    return JSON.stringify(decoder.decode(this.buffer.subarray(0, Math.min(length, 40))));
  }

  /** Puts a number into the buffer, at least `least` bytes long; returns how long it is. */
  format(number: number, least: number): number {
    const { buffer } = this;
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
    return at;
  }

  /** The number where the text is digits and a newline, else -1: spares the decoder. */
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
