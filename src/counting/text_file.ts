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
import { errno, systemError } from "../runtime/errno.ts";

const decoder = new TextDecoder();
const WHOLE = /^\s*[+-]?\d+(?:_\d+)*\s*$/;
const [NEWLINE, ZERO] = [10, 48];

/**
 * The text file that the experiments `file` and `file-lock` count in, with the system calls of
 * the original and in its order: open, read to the end, open again truncating, close the first,
 * write, close. (The first is closed when its name is given to the second.)
 */
export class TextFile {
  readonly #path: string;
  readonly #pathBytes: Uint8Array;
  readonly #onError: (text: string) => void;
  readonly #buffer = new Uint8Array(4096);

  /** `onError` is told each text that is not a number; it counts as 0. */
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

  /** As Python's `int()`: white space around is fine. */
  #readNumber(fd: number): number {
    const length = this.#readAll(fd);
    const simple = this.#simpleNumber(length);
    if (simple >= 0) return simple;
    const text = decoder.decode(this.#buffer.subarray(0, length));
    if (WHOLE.test(text)) return Number(text.replaceAll("_", ""));
    this.#onError(text);
    return 0;
  }

  #readAll(fd: number): number {
    let length = 0;
    for (;;) {
      const rest = length === 0 ? this.#buffer : this.#buffer.subarray(length);
      const got = libc.read(fd, rest, rest.length);
      if (got < 0) throw systemError("read", this.#path, errno());
      if (got === 0) return length;
      length += got;
    }
  }

  /** The number where the text is what {@linkcode #line} writes, else -1: spares the decoder. */
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
