import { nameOf } from "../contract/options.ts";
import type { AtomicOperations } from "./atomic_operations.ts";

/** The types of elements, named like typed arrays, and the JavaScript type of each. */
export interface Elements {
  /** A whole number of 8 bits with a sign. */
  Int8: number;
  /** A whole number of 8 bits, 0 or more. */
  Uint8: number;
  /** A whole number of 16 bits with a sign. */
  Int16: number;
  /** A whole number of 16 bits, 0 or more. */
  Uint16: number;
  /** A whole number of 32 bits with a sign. */
  Int32: number;
  /** A whole number of 32 bits, 0 or more. */
  Uint32: number;
  /** A number, rounded to 32 bits. */
  Float32: number;
  /** A number. */
  Float64: number;
  /** A bigint of 64 bits with a sign. */
  BigInt64: bigint;
  /** A bigint of 64 bits, 0 or more. */
  BigUint64: bigint;
}

/** The name of an element type. */
export type ElementType = keyof Elements;

/**
 * How elements of one type are stored. Each load and each store is atomic, and is never left out.
 */
export interface Element<T> {
  /** The bytes that an element takes; its offset is a multiple of this. */
  readonly bytes: number;
  load(atomics: AtomicOperations, at: number): T;
  /** Stores a value that was checked. */
  store(atomics: AtomicOperations, at: number, value: T): void;
  /**
   * Checks a value, and returns it.
   *
   * @throws {TypeError} If it is of another type, or not a whole number if it must be one.
   * @throws {RangeError} If it is out of the range of the type.
   */
  check(value: T): T;
}

const MOST_FLOAT32 = 2 ** 128 - 2 ** 103; // From here on, it is rounded to Infinity.

function refuseType(value: unknown, type: string, expected: string): never {
  throw new TypeError(`Cannot store ${nameOf(value)} as ${type}: not ${expected}`);
}

function refuseRange(value: unknown, type: string, range: string): never {
  throw new RangeError(`Cannot store ${nameOf(value)} as ${type}: it must be ${range}`);
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
      refuseRange(value, type, `from ${least} to ${most}`);
    },
  };
}

function bigints(type: string, least: bigint, most: bigint): Pick<Element<bigint>, "check"> {
  return {
    check(value) {
      if (typeof value !== "bigint") refuseType(value, type, "a bigint");
      if (value >= least && value <= most) return value;
      refuseRange(value, type, `from ${least} to ${most}`);
    },
  };
}

const ELEMENTS: { readonly [T in ElementType]: Element<Elements[T]> } = {
  Int8: {
    bytes: 1,
    load: (atomics, at) => atomics.load8(at) << 24 >> 24,
    store: (atomics, at, value) => atomics.store8(at, value),
    ...integers("Int8", -128, 127),
  },
  Uint8: {
    bytes: 1,
    load: (atomics, at) => atomics.load8(at),
    store: (atomics, at, value) => atomics.store8(at, value),
    ...integers("Uint8", 0, 255),
  },
  Int16: {
    bytes: 2,
    load: (atomics, at) => atomics.load16(at) << 16 >> 16,
    store: (atomics, at, value) => atomics.store16(at, value),
    ...integers("Int16", -32768, 32767),
  },
  Uint16: {
    bytes: 2,
    load: (atomics, at) => atomics.load16(at),
    store: (atomics, at, value) => atomics.store16(at, value),
    ...integers("Uint16", 0, 65535),
  },
  Int32: {
    bytes: 4,
    load: (atomics, at) => atomics.load32(at),
    store: (atomics, at, value) => atomics.store32(at, value),
    ...integers("Int32", -(2 ** 31), 2 ** 31 - 1),
  },
  Uint32: {
    bytes: 4,
    load: (atomics, at) => atomics.load32(at) >>> 0,
    store: (atomics, at, value) => atomics.store32(at, value | 0),
    ...integers("Uint32", 0, 2 ** 32 - 1),
  },
  Float32: {
    bytes: 4,
    load: (atomics, at) => atomics.loadFloat32(at),
    store: (atomics, at, value) => atomics.storeFloat32(at, value),
    check(value) {
      if (typeof value !== "number") refuseType(value, "Float32", "a number");
      if (Math.abs(value) < MOST_FLOAT32 || !Number.isFinite(value)) return value;
      refuseRange(value, "Float32", "at most 3.4e38");
    },
  },
  Float64: {
    bytes: 8,
    load: (atomics, at) => atomics.loadFloat64(at),
    store: (atomics, at, value) => atomics.storeFloat64(at, value),
    check: (value) => typeof value === "number" ? value : refuseType(value, "Float64", "a number"),
  },
  BigInt64: {
    bytes: 8,
    load: (atomics, at) => atomics.loadBigInt64(at),
    store: (atomics, at, value) => atomics.storeBigInt64(at, value),
    ...bigints("BigInt64", -(2n ** 63n), 2n ** 63n - 1n),
  },
  BigUint64: {
    bytes: 8,
    load: (atomics, at) => BigInt.asUintN(64, atomics.loadBigInt64(at)),
    store: (atomics, at, value) => atomics.storeBigInt64(at, BigInt.asIntN(64, value)),
    ...bigints("BigUint64", 0n, 2n ** 64n - 1n),
  },
};

/**
 * Returns how elements of a type are stored.
 *
 * @throws {TypeError} If there is no such type.
 */
export function elementOf<T extends ElementType>(type: T): Element<Elements[T]> {
  if (typeof type === "string" && Object.hasOwn(ELEMENTS, type)) return ELEMENTS[type];
  throw new TypeError(
    `Cannot store elements of type ${nameOf(type)}: it must be one of ${
      Object.keys(ELEMENTS).join(", ")
    }`,
  );
}
