import { adapter } from "../runtime/adapters/adapter.ts";

/** The kinds of messages, as their places name them. */
export const KIND = { bytes: 1, json: 2 } as const;

/** Messages up to this length are copied word by word, which is faster than a call of the engine. */
const SHORT = 256;
/** The bytes of a slab. */
const SLAB = 8192;

/**
 * Copies messages out of shared memory.
 *
 * On V8, a short message is a view of a slab with others, as a `Buffer` of Node is: in Deno, an array
 * of its own takes 0.5 us, six times as long. JavaScriptCore makes an array faster than a view.
 */
export class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #hasSlabs = adapter.mapping !== "plain";
  #slab = new Int32Array(0);
  #used = 0;

  /** Reads what two views of the same bytes show. */
  constructor(bytes: Uint8Array, words: Int32Array) {
    this.#bytes = bytes;
    this.#words = words;
  }

  /** Copies `length` bytes from `at` on, which is a multiple of 4 and inside of the views. */
  read(at: number, length: number): Uint8Array {
    if (length > SHORT || !this.#hasSlabs) return this.#bytes.slice(at, at + length);
    const count = (length + 3) >> 2;
    if (this.#used + count > this.#slab.length) {
      this.#slab = new Int32Array(SLAB / 4);
      this.#used = 0;
    }
    const [slab, words, to, from] = [this.#slab, this.#words, this.#used, at >> 2];
    for (let i = 0; i < count; i++) slab[to + i] = words[from + i];
    this.#used = to + count;
    return new Uint8Array(slab.buffer, to * 4, length);
  }
}
