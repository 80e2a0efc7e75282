import { SegmentFormatError } from "../contract/errors.ts";
import { nameOf } from "../contract/options.ts";
import type { AtomicOperations } from "./atomic_operations.ts";
import { type Element, elementOf, type Elements, type ElementType } from "./element.ts";

/** A field for text in UTF-8; see {@linkcode field}. */
export interface TextField {
  /** Tells the field from one for bytes. */
  readonly kind: "text";
  /** The most bytes that the text can have. */
  readonly size: number;
}

/** A field for bytes; see {@linkcode field}. */
export interface BytesField {
  /** Tells the field from one for text. */
  readonly kind: "bytes";
  /** The most bytes that it can have. */
  readonly size: number;
}

/** The type of a field of a record. */
export type FieldType = ElementType | TextField | BytesField;

/** The JavaScript type of a field. */
export type FieldValue<T extends FieldType> = T extends ElementType ? Elements[T]
  : T extends TextField ? string
  : Uint8Array;

/** Reads and writes a field of a record that begins at `at`. */
export interface FieldAccess {
  read(atomics: AtomicOperations, at: number): unknown;
  write(atomics: AtomicOperations, at: number, value: unknown): void;
}

const LENGTH = 4;
const encoder = new TextEncoder();
// The text is read back as it was written: a byte order mark is part of it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Makes the fields of a record that are not numbers, for `defineRecord`. */
export const field: {
  /**
   * A field for text, stored as UTF-8 with its length, so that each character is read back, also
   * NUL and those at the end.
   *
   * @param size The most bytes that the text can have.
   * @throws {TypeError} If `size` is not a number.
   * @throws {RangeError} If `size` is not a positive whole number below 2^31.
   */
  text(size: number): TextField;
  /**
   * A field for bytes, stored with their length, so that zeros at the end are read back (unlike
   * those of a `c_char` array of Python: python/cpython#145261).
   *
   * @param size The most bytes that it can have.
   * @throws {TypeError} If `size` is not a number.
   * @throws {RangeError} If `size` is not a positive whole number below 2^31.
   */
  bytes(size: number): BytesField;
} = {
  text: (size) => ({ kind: "text", size: checkSize(size) }),
  bytes: (size) => ({ kind: "bytes", size: checkSize(size) }),
};

/** The layout of a field of one type. */
export interface Kind {
  readonly align: number;
  readonly length: number;
  /** Its part of the shape of the record. */
  readonly says: string;
  make(offset: number): FieldAccess;
}

/**
 * Returns the layout of a field, which errors call `name`.
 *
 * @throws {TypeError} If there is no such type.
 */
export function kindOf(name: string, type: FieldType): Kind {
  if (typeof type === "string") return numberKind(name, type);
  if (typeof type === "object" && type !== null) {
    if (type.kind === "text") return textKind(name, checkSize(type.size));
    if (type.kind === "bytes") return bytesKind(name, checkSize(type.size));
  }
  throw new TypeError(
    `Cannot define the field "${name}" of a record: it must be an element type such as "Int32", ` +
      "field.text(n) or field.bytes(n)",
  );
}

/** As in an element of its own, but a `BigInt` would cost more than the rest on JavaScriptCore. */
const FLOAT64: Pick<Element<number>, "load" | "store"> = {
  load: (atomics, at) => atomics.loadHalves64(at),
  store: (atomics, at, value) => atomics.storeHalves64(at, value),
};

function numberKind(name: string, type: ElementType): Kind {
  // SAFETY: `check` lets only values of the type through to `store`.
  const element = elementOf(type) as Element<unknown>;
  const { bytes: length, check } = element;
  const { load, store } = type === "Float64" ? FLOAT64 as Element<unknown> : element;
  return {
    align: length,
    length,
    says: type,
    make: (offset) => ({
      read: (atomics, at) => load(atomics, at + offset),
      write(atomics, at, value) {
        try {
          store(atomics, at + offset, check(value));
        } catch (error) {
          if (error instanceof Error) error.message += `, in the field "${name}" of a record`;
          throw error;
        }
      },
    }),
  };
}

function textKind(name: string, most: number): Kind {
  return {
    align: LENGTH,
    length: LENGTH + most,
    says: `text ${most}`,
    make(offset) {
      const cell = new BytesCell(name, offset, most);
      let text = ""; // What the bytes of the cell mean.
      return {
        read(atomics, at) {
          if (cell.load(atomics, at)) text = decoder.decode(cell.bytes());
          return text;
        },
        write(atomics, at, value) {
          if (typeof value !== "string" || !value.isWellFormed()) {
            throw new TypeError(
              `Cannot write the field "${name}" of a record: not a string without lone surrogates`,
            );
          }
          if (value !== text) {
            cell.set(encoder.encode(value));
            text = value;
          }
          cell.store(atomics, at);
        },
      };
    },
  };
}

function bytesKind(name: string, most: number): Kind {
  return {
    align: LENGTH,
    length: LENGTH + most,
    says: `bytes ${most}`,
    make(offset) {
      const cell = new BytesCell(name, offset, most);
      return {
        read(atomics, at) {
          cell.load(atomics, at);
          return cell.bytes().slice();
        },
        write(atomics, at, value) {
          if (!(value instanceof Uint8Array)) {
            throw new TypeError(`Cannot write the field "${name}" of a record: not a Uint8Array`);
          }
          cell.set(value);
          cell.store(atomics, at);
        },
      };
    },
  };
}

/** The bytes of a field as this thread saw or set them last, so that what is equal is not decoded. */
class BytesCell {
  readonly #name: string;
  readonly #offset: number;
  readonly #most: number;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(name: string, offset: number, most: number) {
    this.#name = name;
    this.#offset = offset;
    this.#most = most;
    this.#words = new Int32Array(Math.ceil(most / 4));
    this.#bytes = new Uint8Array(this.#words.buffer);
  }

  /** The bytes without those behind their end. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * Takes over the bytes of a record; returns whether they have changed.
   *
   * @throws {SegmentFormatError} If they are damaged.
   */
  load(atomics: AtomicOperations, at: number): boolean {
    const start = at + this.#offset + LENGTH;
    const length = atomics.load32(start - LENGTH) >>> 0;
    if (length > this.#most) {
      throw new SegmentFormatError(
        `Cannot read the field "${this.#name}" of a record: it is damaged, ${length} bytes of at ` +
          `most ${this.#most}`,
      );
    }
    const words = this.#words;
    let isChanged = length !== this.#length;
    this.#length = length;
    // The last word may have bytes of the next field. They then count as a change, which is right.
    for (let i = 0; 4 * i < length; i++) {
      const word = atomics.load32(start + 4 * i);
      if (word === words[i]) continue;
      words[i] = word;
      isChanged = true;
    }
    return isChanged;
  }

  /**
   * Sets the bytes.
   *
   * @throws {RangeError} If they are too many; then they stay.
   */
  set(value: Uint8Array): void {
    if (value.length > this.#most) {
      throw new RangeError(
        `Cannot write the field "${this.#name}" of a record: ${value.length} bytes of at most ` +
          this.#most,
      );
    }
    this.#bytes.set(value);
    this.#length = value.length;
  }

  /** Writes the bytes into a record, and zeros behind them: no byte of the value before stays. */
  store(atomics: AtomicOperations, at: number): void {
    const most = this.#most;
    const start = at + this.#offset + LENGTH;
    const bytes = this.#bytes.fill(0, this.#length);
    atomics.store32(start - LENGTH, this.#length);
    const whole = most & ~3;
    for (let i = 0; i < whole; i += 4) {
      const word = this.#words[i >> 2];
      if (atomics.load32(start + i) !== word) atomics.store32(start + i, word);
    }
    for (let i = whole; i < most; i++) atomics.store8(start + i, bytes[i]);
  }
}

function checkSize(size: number): number {
  if (typeof size !== "number") {
    throw new TypeError(`Cannot define a field of ${nameOf(size)} bytes: not a number`);
  }
  if (Number.isInteger(size) && size > 0 && size < 2 ** 31) return size;
  throw new RangeError(
    `Cannot define a field of ${size} bytes: not a positive whole number below 2^31`,
  );
}
