import {
  closeFile,
  libc,
  O_CREAT,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  openFile,
  pathBytes,
} from "../runtime/mod.ts";
import { errno, systemError } from "../runtime/c/errno.ts";

const decoder = new TextDecoder();
const WHOLE = /^\s*[+-]?\d+(?:_\d+)*\s*$/;
const [NEWLINE, ZERO] = [10, 48];

/**
 * The text file of the experiments `file` and `file-lock`, with the system calls of the original
 * program in their order: open, read, open again and truncate, close the first descriptor, write,
 * close.
 */
export class TextFile {
  readonly #path: string;
  readonly #pathBytes: Uint8Array;
  readonly #onError: (text: string) => void;
  readonly #buffer = new Uint8Array(4096);

  /** Calls `onError` with each text that is not a number; such a text counts as 0. */
  constructor(path: string, onError: (text: string) => void) {
    this.#path = path;
    this.#pathBytes = pathBytes(path);
    this.#onError = onError;
  }

  /** Reads the number, adds one and writes it back. */
  increment(): void {
    const reader = this.#open(O_RDONLY);
    let writer: number;
    let next: number;
    try {
      next = this.#readNumber(reader) + 1;
      writer = this.#open(O_WRONLY | O_CREAT | O_TRUNC);
    } finally {
      closeFile(reader);
    }
    try {
      const line = this.#line(next);
      if (libc.write(writer, line, line.length) !== line.length) {
        throw systemError("write", this.#path, errno());
      }
    } finally {
      closeFile(writer);
    }
  }

  /** The number in the file. */
  read(): number {
    const fd = this.#open(O_RDONLY);
    try {
      return this.#readNumber(fd);
    } finally {
      closeFile(fd);
    }
  }

  #open(flags: number): number {
    return openFile(this.#path, flags, 0o644, this.#pathBytes);
  }

  /** Like Python's `int()`: white space around the number is allowed. */
  #readNumber(fd: number): number {
    // At once: a read that fills less than the buffer has reached the end of the file.
    const length = libc.read(fd, this.#buffer, this.#buffer.length);
    if (length < 0) throw systemError("read", this.#path, errno());
    const simple = this.#simpleNumber(length);
    if (simple >= 0) return simple;
    const text = decoder.decode(this.#buffer.subarray(0, length));
    if (WHOLE.test(text)) return Number(text.replaceAll("_", ""));
    this.#onError(text);
    return 0;
  }

  /**
   * Parses a text that {@linkcode #line} wrote, without the decoder; returns -1 for other texts.
   */
  #simpleNumber(length: number): number {
    const bytes = this.#buffer;
    if (length < 2 || length > 16 || bytes[length - 1] !== NEWLINE) return -1;
    let number = 0;
    for (let i = 0; i < length - 1; i++) {
      const digit = bytes[i] - ZERO;
      if (digit < 0 || digit > 9) return -1;
      number = number * 10 + digit;
    }
    return number;
  }

  /** A number and a newline, as bytes. */
  #line(number: number): Uint8Array {
    const text = String(number);
    const line = this.#buffer.subarray(0, text.length + 1);
    for (let i = 0; i < text.length; i++) line[i] = text.charCodeAt(i);
    line[text.length] = NEWLINE;
    return line;
  }
}
