import { adapter } from "./adapter.ts";

const encoder = new TextEncoder();

/** Strings as C wants a list of them: pointers up to a null, in memory that stays where it is. */
export class CStrings {
  readonly address: number;
  readonly #memory: Uint8Array;

  constructor(strings: readonly string[]) {
    const encoded = strings.map((text) => encoder.encode(`${text}\0`));
    const table = 8 * (strings.length + 1);
    const bytes = encoded.reduce((sum, { length }) => sum + length, table);
    // Small arrays lie where the collector of V8 moves them.
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

  /** To be called after the addresses were used: so long, the collector leaves the memory alone. */
  keep(): void {
    if (this.#memory.length === 0) throw new Error("Cannot keep strings: there are none");
  }
}

/** The variables of an environment that are set, as C has them. */
export function environmentStrings(
  environment: Readonly<Record<string, string | undefined>>,
): CStrings {
  return new CStrings(
    Object.entries(environment)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${value}`),
  );
}
