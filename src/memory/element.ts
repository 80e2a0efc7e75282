import type { Atomic } from "./atomics.ts";

/** The types of elements, by the names of their typed arrays, and what each is in JavaScript. */
export interface Elements {
  Int8: number;
  Uint8: number;
  Int16: number;
  Uint16: number;
  Int32: number;
  Uint32: number;
  Float32: number;
  Float64: number;
  BigInt64: bigint;
  BigUint64: bigint;
}

/** The name of a type of elements. */
export type ElementType = keyof Elements;

/** How elements of one type are kept. Each load and each store is whole, and is not left out. */
export interface Element<T> {
  /** How many bytes one takes, and what its place is a multiple of. */
  readonly bytes: number;
  load(atomic: Atomic, at: number): T;
  /** Stores what was checked. */
  store(atomic: Atomic, at: number, value: T): void;
  /**
   * Returns what may be stored.
   *
   * @throws {TypeError} If it is of another type, or no whole number where there has to be one.
   * @throws {RangeError} If the type has no such number.
   */
  check(value: T): T;
}

const MOST_FLOAT32 = 2 ** 128 - 2 ** 103; // From here on, rounding leads to Infinity.

function refuseType(value: unknown, type: string, wanted: string): never {
  throw new TypeError(`Cannot store ${describe(value)} as ${type}: not ${wanted}`);
}

function describe(value: unknown): string {
  return typeof value === "number" || typeof value === "bigint" ? `${value}` : `a ${typeof value}`;
}

function integers(
  type: string,
  least: number,
  most: number,
): Pick<Element<number>, "check"> {
  return {
    check(value) {
      if (!Number.isInteger(value)) refuseType(value, type, "a whole number");
      if (value >= least && value <= most) return value;
      throw new RangeError(`Cannot store ${value} as ${type}: it has ${least} to ${most}`);
    },
  };
}

function bigints(type: string, least: bigint, most: bigint): Pick<Element<bigint>, "check"> {
  return {
    check(value) {
      if (typeof value !== "bigint") refuseType(value, type, "a bigint");
      if (value >= least && value <= most) return value;
      throw new RangeError(`Cannot store ${value} as ${type}: it has ${least} to ${most}`);
    },
  };
}

const ELEMENTS: { readonly [T in ElementType]: Element<Elements[T]> } = {
  Int8: {
    bytes: 1,
    load: (atomic, at) => atomic.load8(at) << 24 >> 24,
    store: (atomic, at, value) => atomic.store8(at, value),
    ...integers("Int8", -128, 127),
  },
  Uint8: {
    bytes: 1,
    load: (atomic, at) => atomic.load8(at),
    store: (atomic, at, value) => atomic.store8(at, value),
    ...integers("Uint8", 0, 255),
  },
  Int16: {
    bytes: 2,
    load: (atomic, at) => atomic.load16(at) << 16 >> 16,
    store: (atomic, at, value) => atomic.store16(at, value),
    ...integers("Int16", -32768, 32767),
  },
  Uint16: {
    bytes: 2,
    load: (atomic, at) => atomic.load16(at),
    store: (atomic, at, value) => atomic.store16(at, value),
    ...integers("Uint16", 0, 65535),
  },
  Int32: {
    bytes: 4,
    load: (atomic, at) => atomic.load32(at),
    store: (atomic, at, value) => atomic.store32(at, value),
    ...integers("Int32", -(2 ** 31), 2 ** 31 - 1),
  },
  Uint32: {
    bytes: 4,
    load: (atomic, at) => atomic.load32(at) >>> 0,
    store: (atomic, at, value) => atomic.store32(at, value | 0),
    ...integers("Uint32", 0, 2 ** 32 - 1),
  },
  Float32: {
    bytes: 4,
    load: (atomic, at) => atomic.loadFloat32(at),
    store: (atomic, at, value) => atomic.storeFloat32(at, value),
    check(value) {
      if (typeof value !== "number") refuseType(value, "Float32", "a number");
      if (Math.abs(value) < MOST_FLOAT32 || !Number.isFinite(value)) return value;
      throw new RangeError(`Cannot store ${value} as Float32: it has up to 3.4e38`);
    },
  },
  Float64: {
    bytes: 8,
    load: (atomic, at) => atomic.loadFloat64(at),
    store: (atomic, at, value) => atomic.storeFloat64(at, value),
    check: (value) => typeof value === "number" ? value : refuseType(value, "Float64", "a number"),
  },
  BigInt64: {
    bytes: 8,
    load: (atomic, at) => atomic.loadBigInt64(at),
    store: (atomic, at, value) => atomic.storeBigInt64(at, value),
    ...bigints("BigInt64", -(2n ** 63n), 2n ** 63n - 1n),
  },
  BigUint64: {
    bytes: 8,
    load: (atomic, at) => BigInt.asUintN(64, atomic.loadBigInt64(at)),
    store: (atomic, at, value) => atomic.storeBigInt64(at, BigInt.asIntN(64, value)),
    ...bigints("BigUint64", 0n, 2n ** 64n - 1n),
  },
};

/**
 * How elements of a type are kept.
 *
 * @throws {TypeError} If there is no such type.
 */
export function elementOf<T extends ElementType>(type: T): Element<Elements[T]> {
  if (typeof type === "string" && Object.hasOwn(ELEMENTS, type)) return ELEMENTS[type];
  throw new TypeError(
    `Cannot keep elements of type ${String(type)}: ${Object.keys(ELEMENTS).join(", ")}`,
  );
}
