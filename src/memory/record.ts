import { checksum } from "./layout.ts";
import { type FieldAccess, type FieldType, type FieldValue, kindOf } from "./record_field.ts";

/** The fields of a record by name. */
export type Fields = Readonly<Record<string, FieldType>>;

/** A record as a plain object: a copy, which nobody shares. */
export type RecordValue<F extends Fields> = { -readonly [K in keyof F]: FieldValue<F[K]> };

const NAME = /^[A-Za-z_$][\w$]*$/;

/**
 * Describes records once, for all who share them: they say the same fields in the same order.
 *
 * @example
 * ```ts
 * import { record, Segment, text } from "@interlock/interlock";
 *
 * const Job = record({ id: "Uint32", progress: "Float64", host: text(64) });
 * const job = Segment.anonymous(65536).record("job", Job);
 * job.write({ id: 7, host: "anna" });
 * job.update(({ progress }) => ({ progress: progress + 0.5 }));
 * console.log(job.read()); // { id: 7, progress: 0.5, host: "anna" }
 * ```
 *
 * @throws {TypeError} If there is no field, or one has a name or type that cannot be.
 */
export function record<const F extends Fields>(fields: F): RecordDescription<F> {
  return new RecordDescription(fields);
}

/** What a record consists of, and how it is read and written; see {@linkcode record}. */
export class RecordDescription<F extends Fields> {
  /** The fields by name. */
  readonly fields: F;
  /** How many bytes a record takes, a multiple of 8. */
  readonly byteLength: number;
  /** What tells it from other descriptions, such as `of 2 fields, 3f00a1b2`. */
  readonly shape: string;
  readonly #fields: ReadonlyMap<string, FieldAccess>;

  /** Made by {@linkcode record}. */
  constructor(fields: F) {
    const placed = new Map<string, FieldAccess>();
    const says: string[] = [];
    let end = 0;
    for (const [name, type] of Object.entries(fields ?? {})) {
      if (!NAME.test(name) || name === "__proto__") {
        throw new TypeError(`Cannot describe a record: not the name of a field: "${name}"`);
      }
      const { align, length, says: said, make } = kindOf(name, type);
      const offset = Math.ceil(end / align) * align;
      end = offset + length;
      placed.set(name, make(offset));
      says.push(`${name}:${said}`);
    }
    if (placed.size === 0) throw new TypeError("Cannot describe a record: it has no field");
    this.fields = fields;
    this.byteLength = Math.ceil(end / 8) * 8;
    const sum = checksum(new TextEncoder().encode(says.join(","))).toString(16).padStart(8, "0");
    this.shape = `of ${placed.size} field${placed.size === 1 ? "" : "s"}, ${sum}`;
    this.#fields = placed;
  }

  /**
   * Reads a record out of its bytes.
   *
   * @throws {SegmentFormatError} If they are damaged: a text longer than it may be.
   */
  decode(view: DataView<ArrayBuffer>): RecordValue<F> {
    const value: Record<string, unknown> = {};
    for (const [name, field] of this.#fields) value[name] = field.read(view);
    return value as RecordValue<F>;
  }

  /**
   * Writes some of the fields into the bytes of a record.
   *
   * @throws {TypeError} If there is no such field, or a value is none of its type.
   * @throws {RangeError} If a value is out of the range of its type, or longer than it may be.
   */
  encode(view: DataView<ArrayBuffer>, value: Partial<RecordValue<F>>): void {
    if (typeof value !== "object" || value === null) {
      throw new TypeError(`Cannot write a record: not an object with its fields: ${value}`);
    }
    const entries = Object.entries(value);
    if (entries.length === 0 && !isPlain(value)) {
      throw new TypeError(
        `Cannot write a record: not an object with its fields, but a ${value.constructor?.name}`,
      );
    }
    for (const [name, one] of entries) {
      const field = this.#fields.get(name);
      if (field === undefined) {
        const names = [...this.#fields.keys()].join(", ");
        throw new TypeError(`Cannot write "${name}" of a record: it has ${names}`);
      }
      field.write(view, one);
    }
  }
}

/** False for objects whose contents are not fields: a promise, a `Map`. */
function isPlain(value: object): boolean {
  const parent = Object.getPrototypeOf(value) as object | null;
  return parent === null || Object.getPrototypeOf(parent) === null;
}
