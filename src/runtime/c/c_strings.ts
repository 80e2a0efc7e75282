import { adapter } from "../adapters/adapter.ts";
import { systemBytes } from "../paths/path_bytes.ts";

/**
 * A list of strings as C needs it: pointers up to a null, in memory that does not move. A string
 * may have bytes that are not UTF-8, as in a path.
 */
export class CStrings {
  readonly address: number;
  readonly #memory: Uint8Array;

  constructor(strings: readonly string[]) {
    const encoded = strings.map(systemBytes);
    const table = 8 * (strings.length + 1);
    const bytes = encoded.reduce((sum, { length }) => sum + length, table);
    // SAFETY: V8 moves the memory of small arrays only, so an address of a large one stays right
    // while the array is alive; see `keep`.
    this.#memory = new Uint8Array(Math.max(bytes, 4096));
    this.address = adapter.addressOf(this.#memory);
    const view = new DataView(this.#memory.buffer);
    let at = table;
    encoded.forEach((text, i) => {
      this.#memory.set(text, at);
      view.setBigUint64(8 * i, BigInt(this.address + at), true);
      at += text.length;
    });
  }

  /** Keeps the memory from being collected. Call it after the last use of the address. */
  keep(): void {
    if (this.#memory.length === 0) throw new Error("Cannot keep strings: there are none");
  }
}
