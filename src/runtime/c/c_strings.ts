import { adapter } from "../adapters/adapter.ts";

const encoder = new TextEncoder();

/** A string as C needs it: ended by NUL. */
export function cString(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** A list of strings as C needs it: pointers up to a null, in memory that does not move. */
export class CStrings {
  readonly address: number;
  readonly #memory: Uint8Array;

  constructor(strings: readonly string[]) {
    const encoded = strings.map(cString);
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

/** The variables of an environment that are set, as C needs them. */
export function environmentStrings(
  environment: Readonly<Record<string, string | undefined>>,
): CStrings {
  return new CStrings(
    Object.entries(environment)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${value}`),
  );
}
