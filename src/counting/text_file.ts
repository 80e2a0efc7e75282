import { closeFile, libc, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY, openFile } from "../runtime/mod.ts";
import { errno, systemError } from "../runtime/errno.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const WHOLE = /^\s*[+-]?\d+(?:_\d+)*\s*$/;

/**
 * The text file that the experiments `file` and `file-lock` count in, with the system calls of
 * the original and in its order: open, read to the end, open again truncating, close the first,
 * write, close. (The first is closed when its name is given to the second.)
 */
export class TextFile {
  readonly #path: string;
  readonly #onError: (text: string) => void;
  readonly #buffer = new Uint8Array(4096);

  /** `onError` is told each text that is not a number; it counts as 0. */
  constructor(path: string, onError: (text: string) => void) {
    this.#path = path;
    this.#onError = onError;
  }

  /** Reads the number, adds one and writes it back. */
  increment(): void {
    const reader = openFile(this.#path, O_RDONLY);
    let writer: number;
    let next: number;
    try {
      next = this.#parse(this.#readAll(reader)) + 1;
      writer = openFile(this.#path, O_WRONLY | O_CREAT | O_TRUNC, 0o644);
    } finally {
      closeFile(reader);
    }
    try {
      const bytes = encoder.encode(`${next}\n`);
      if (libc.write(writer, bytes, bytes.length) !== bytes.length) {
        throw systemError("write", this.#path, errno());
      }
    } finally {
      closeFile(writer);
    }
  }

  /** The number in the file. */
  read(): number {
    const fd = openFile(this.#path, O_RDONLY);
    try {
      return this.#parse(this.#readAll(fd));
    } finally {
      closeFile(fd);
    }
  }

  #readAll(fd: number): string {
    let length = 0;
    for (;;) {
      const rest = length === 0 ? this.#buffer : this.#buffer.subarray(length);
      const got = libc.read(fd, rest, rest.length);
      if (got < 0) throw systemError("read", this.#path, errno());
      if (got === 0) return decoder.decode(this.#buffer.subarray(0, length));
      length += got;
    }
  }

  /** As Python's `int()`: white space around is fine. */
  #parse(text: string): number {
    if (WHOLE.test(text)) return Number(text.replaceAll("_", ""));
    this.#onError(text);
    return 0;
  }
}
