import { nameOf } from "../contract/options.ts";
import type { AtomicOperations } from "./atomic_operations.ts";
import { checksum } from "./layout.ts";
import { type FieldAccess, type FieldType, type FieldValue, kindOf } from "./record_field.ts";
import { readerOf } from "./record_reader.ts";

/** The fields of a record by name. */
export type Fields = Readonly<Record<string, FieldType>>;

/** A record as a plain object: a copy. */
export type RecordValue<F extends Fields> = { -readonly [K in keyof F]: FieldValue<F[K]> };

const NAME = /^[A-Za-z_$][\w$]*$/;

/** The layout of a record: the offsets of its fields, and how they are read and written. */
export class RecordLayout {
  /** The bytes that a record takes, a multiple of 8. */
  readonly size: number;
  /** Tells the layout from others, such as `of 2 fields, 3f00a1b2`. */
  readonly shape: string;
  /**
   * Reads the record at `at` into a plain object.
   *
   * @throws {SegmentFormatError} If it is damaged: a text is longer than its field.
   */
  readonly read: (atomics: AtomicOperations, at: number) => Record<string, unknown>;
  readonly #fields: ReadonlyMap<string, FieldAccess>;

  /** The layout of a record with these fields. */
  constructor(fields: Fields) {
    const value: unknown = fields;
    if (typeof value !== "object" || value === null) {
      throw new TypeError(
        `Cannot define a record by ${nameOf(value)}: not an object with its fields`,
      );
    }
    const placed = new Map<string, FieldAccess>();
    const says: string[] = [];
    let end = 0;
    for (const [name, type] of Object.entries(fields)) {
      if (!NAME.test(name) || name === "__proto__") {
        throw new TypeError(
          `Cannot define a record with the field ${JSON.stringify(name)}: not a name of a field`,
        );
      }
      const { align, length, says: said, make } = kindOf(name, type);
      const offset = Math.ceil(end / align) * align;
      end = offset + length;
      placed.set(name, make(offset));
      says.push(`${name}:${said}`);
    }
    if (placed.size === 0) throw new TypeError("Cannot define a record: it has no field");
    this.size = Math.ceil(end / 8) * 8;
    const sum = checksum(new TextEncoder().encode(says.join(","))).toString(16).padStart(8, "0");
    this.shape = `of ${placed.size} field${placed.size === 1 ? "" : "s"}, ${sum}`;
    this.#fields = placed;
    this.read = readerOf([...placed].map(([name, { read }]) => [name, read]));
  }

  /**
   * Writes some of the fields of the record at `at`.
   *
   * @throws {TypeError} If there is no such field, or a value is not of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than its field.
   */
  write(atomics: AtomicOperations, at: number, value: unknown): void {
    if (typeof value !== "object" || value === null) {
      throw new TypeError(
        `Cannot write ${nameOf(value)} to a record: not an object with its fields`,
      );
    }
    const given = Object.keys(value);
    if (given.length === 0 && !isPlain(value)) {
      throw new TypeError(`Cannot write ${kindName(value)} to a record: it has no fields`);
    }
    for (const name of given) {
      const field = this.#fields.get(name);
      if (field === undefined) {
        const names = [...this.#fields.keys()].join(", ");
        throw new TypeError(
          `Cannot write the field ${JSON.stringify(name)} of a record: its fields are ${names}`,
        );
      }
      field.write(atomics, at, (value as Record<string, unknown>)[name]);
    }
  }
}

/**
 * Returns the layout of a description.
 *
 * @throws {TypeError} If `description` was not made by `defineRecord`.
 */
export let layoutOf: (description: RecordDescription<Fields>) => RecordLayout;

let describe: <F extends Fields>(fields: F) => RecordDescription<F>;

/** The description of a record, as {@linkcode defineRecord} returns it. */
export class RecordDescription<F extends Fields> {
  /** The fields by name. */
  readonly fields: F;
  readonly #layout: RecordLayout;

  private constructor(fields: F) {
    this.#layout = new RecordLayout(fields);
    this.fields = Object.freeze({ ...fields });
  }

  static {
    layoutOf = (description) => {
      const value: unknown = description;
      if (typeof value === "object" && value !== null && #layout in value) return value.#layout;
      throw new TypeError(
        `Cannot make a record of ${nameOf(value)}: describe it by defineRecord({ ... })`,
      );
    };
    describe = (fields) => new RecordDescription(fields);
  }
}

// A program cannot construct a description, not even by the constructor of one that it has.
Reflect.deleteProperty(RecordDescription.prototype, "constructor");

/**
 * Defines a record, for all programs that share it: they must name the same fields in the same
 * order.
 *
 * @example
 * ```ts
 * import { defineRecord, field, Segment } from "@interlock/interlock";
 *
 * const Job = defineRecord({ id: "Uint32", progress: "Float64", host: field.text(64) });
 * const job = Segment.anonymous(65536).record("job", Job);
 * job.write({ id: 7, host: "anna" });
 * job.update(({ progress }) => ({ progress: progress + 0.5 }));
 * console.log(job.read()); // { id: 7, progress: 0.5, host: "anna" }
 * ```
 *
 * @throws {TypeError} If there is no field, or the name or the type of one cannot be used.
 */
export function defineRecord<const F extends Fields>(fields: F): RecordDescription<F> {
  return describe(fields);
}

function kindName(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  return typeof constructor === "function" ? `a ${constructor.name}` : nameOf(value);
}

/** False for objects whose contents are not fields: a promise, a `Map`. */
function isPlain(value: object): boolean {
  const parent = Object.getPrototypeOf(value) as object | null;
  return parent === null || Object.getPrototypeOf(parent) === null;
}
