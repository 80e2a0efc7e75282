import { SegmentFormatError } from "../contract/errors.ts";
import { nameOf } from "../contract/options.ts";
import { elementOf, type Elements, type ElementType } from "./element.ts";

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

/** Reads and writes a field in the bytes of a record. */
export interface FieldAccess {
  read(view: DataView<ArrayBuffer>): unknown;
  write(view: DataView<ArrayBuffer>, value: unknown): void;
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

/** The methods of a `DataView` for one type. */
type Getter = (at: number, littleEndian: true) => unknown;
type Setter = (at: number, value: unknown, littleEndian: true) => void;

function numberKind(name: string, type: ElementType): Kind {
  const { bytes: length, check } = elementOf(type);
  // SAFETY: each element type has a pair of such methods, and `check` runs before `set`.
  const get = DataView.prototype[`get${type}`] as Getter;
  const set = DataView.prototype[`set${type}`] as Setter;
  return {
    align: length,
    length,
    says: type,
    make: (offset) => ({
      read: (view) => get.call(view, offset, true),
      write(view, value) {
        try {
          set.call(view, offset, (check as (value: unknown) => unknown)(value), true);
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
    make: (offset) => ({
      read: (view) => decoder.decode(bytesAt(view, offset, most, name)),
      write(view, value) {
        if (typeof value !== "string" || !value.isWellFormed()) {
          throw new TypeError(
            `Cannot write the field "${name}" of a record: not a string without lone surrogates`,
          );
        }
        writeBytes(view, offset, most, name, encoder.encode(value));
      },
    }),
  };
}

function bytesKind(name: string, most: number): Kind {
  return {
    align: LENGTH,
    length: LENGTH + most,
    says: `bytes ${most}`,
    make: (offset) => ({
      read: (view) => bytesAt(view, offset, most, name).slice(),
      write(view, value) {
        if (!(value instanceof Uint8Array)) {
          throw new TypeError(`Cannot write the field "${name}" of a record: not a Uint8Array`);
        }
        writeBytes(view, offset, most, name, value);
      },
    }),
  };
}

function bytesAt(
  view: DataView<ArrayBuffer>,
  offset: number,
  most: number,
  name: string,
): Uint8Array<ArrayBuffer> {
  const length = view.getUint32(offset, true);
  if (length <= most) {
    return new Uint8Array(view.buffer, view.byteOffset + offset + LENGTH, length);
  }
  throw new SegmentFormatError(
    `Cannot read the field "${name}" of a record: it is damaged, ${length} bytes of at most ${most}`,
  );
}

function writeBytes(
  view: DataView<ArrayBuffer>,
  offset: number,
  most: number,
  name: string,
  value: Uint8Array,
): void {
  if (value.length > most) {
    throw new RangeError(
      `Cannot write the field "${name}" of a record: ${value.length} bytes of at most ${most}`,
    );
  }
  view.setUint32(offset, value.length, true);
  const target = new Uint8Array(view.buffer, view.byteOffset + offset + LENGTH, most);
  target.set(value);
  target.fill(0, value.length); // No byte of the value before stays.
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
