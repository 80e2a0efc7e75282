import type { Owner } from "../contract/owner.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";

/*
 * The record at the beginning of a lock file, text of a fixed length:
 *
 *   interlock lock 1
 *   token 1764000000000001
 *   held since 1764000000123
 *   {"pid":71,"thread":71,"started":1234,"host":"a","runtime":"deno 2.9.6","label":"b"}
 *
 * The holder of the exclusive lock writes it, and changes `held` to `free` before it releases the
 * lock. If the lock is free and its record says `held`, the holder died. Other programs may write to
 * the file meanwhile. So the holder reads the file before each write, and never changes a file that
 * has other contents than a record.
 */
const MARK = "interlock lock 1\n";
const TOKEN_AT = MARK.length + "token ".length;
const TOKEN_DIGITS = 16;
const STATE_AT = TOKEN_AT + TOKEN_DIGITS + 1;
const SINCE_AT = STATE_AT + "held since ".length;
const SINCE_DIGITS = 13;
const OWNER_AT = SINCE_AT + SINCE_DIGITS + 1;
const HEAD = STATE_AT + 4;
const BYTES = 1024;
const ZERO = 48;
const HALF_DIGITS = 8;
const HALF = 10 ** HALF_DIGITS;
/** No holder writes a greater token: the clock gives less until 2220. */
const GREATEST = 2 ** 53 - 2 ** 40;
/** The numbers of a record. */
const NUMBERS = ["thread", "started", "namespace", "timeNamespace", "descriptor"] as const;
const TEXTS = ["host", "runtime", "label"] as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const mark = encoder.encode(MARK);
const FREE = encoder.encode("free");
const HELD = encoder.encode("held");
const [H] = HELD;

/** The longest label, in UTF-16 units. */
export const LABEL_LENGTH = 100;

/** The owner in a record, with fields to find out whether it lives. */
export interface RecordedOwner extends Owner {
  /** When its thread started, in clock ticks since boot. */
  readonly started?: number;
  /** The PID namespace that numbers it. */
  readonly namespace?: number;
  /** The time namespace in which its start time is measured. */
  readonly timeNamespace?: number;
  /** The descriptor by which its child program inherits the lock. */
  readonly descriptor?: number;
}

/** Longer than a record, to see whether more text follows the record. */
const buffer = new Uint8Array(BYTES + 8);
const words = new Int32Array(buffer.buffer);

/**
 * Whether the first `length` bytes of the buffer are a record, or the beginning of one, and nothing
 * else.
 */
function isRecord(length: number): boolean {
  if (length > BYTES) return false;
  const end = Math.min(length, mark.length);
  for (let i = 0; i < end; i++) if (buffer[i] !== mark[i]) return false;
  return true;
}

function digits(at: number, count: number): number {
  let number = 0;
  for (let i = at; i < at + count; i++) {
    const digit = buffer[i] - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return number;
}

function ownerInBuffer(length: number): RecordedOwner | undefined {
  try {
    const found = JSON.parse(decoder.decode(buffer.subarray(OWNER_AT, length)));
    const since = digits(SINCE_AT, SINCE_DIGITS);
    return ownerFrom(found, Number.isNaN(since) ? undefined : new Date(since));
  } catch {
    return undefined; // Another program wrote there; the owner is for information only.
  }
}

/** The known fields that have the right type; `undefined` without a process. */
function ownerFrom(
  found: Readonly<Record<string, unknown>>,
  since: Date | undefined,
): RecordedOwner | undefined {
  if (!isNumber(found.pid)) return undefined;
  const owner: Record<string, unknown> = { pid: found.pid };
  for (const name of NUMBERS) if (isNumber(found[name])) owner[name] = found[name];
  for (const name of TEXTS) if (typeof found[name] === "string") owner[name] = found[name];
  if (since !== undefined) owner.since = since;
  return owner as unknown as RecordedOwner;
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The owner without the fields that only serve to find out whether it lives. */
export function publicPart(recorded: RecordedOwner | undefined): Owner | undefined {
  if (recorded === undefined) return undefined;
  const {
    started: _,
    namespace: __,
    timeNamespace: ___,
    descriptor: ____,
    ...owner
  } = recorded;
  return owner;
}

/** Since 1970. */
function microseconds(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

/** The token that a holder wrote, and the death that it found in the file. */
export interface Entry {
  readonly token: number;
  /** Whether the last holder died. */
  readonly recovered: boolean;
  readonly previousOwner: Owner | undefined;
}

/** Writes the record of one holder, under its exclusive lock. */
export class LockRecord {
  readonly #bytes = new Uint8Array(BYTES).fill(32);
  readonly #words = new Int32Array(this.#bytes.buffer);
  /** The token of the last hold, in case another program has emptied the file since. */
  #last = 0;

  constructor(owner: RecordedOwner) {
    // As ASCII, so that the length in bytes is known.
    const json = JSON.stringify(owner)
      .replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const text = `${MARK}token ${"0".repeat(TOKEN_DIGITS)}\nheld since ${
      "0".repeat(SINCE_DIGITS)
    }\n${json}\n`;
    encoder.encodeInto(text, this.#bytes);
    this.#bytes[BYTES - 1] = 10;
  }

  /**
   * Writes the record as held; `undefined`, and nothing is written, if the file has other contents.
   * The token is one more than the last. In an empty file, or after a token that no holder can have
   * written, the tokens begin at the microseconds since 1970, so that they also grow if another
   * program empties or removes the file.
   *
   * @param mayBegin Whether a file without a record, such as an empty one, may get one.
   */
  enter(file: LockFile, mayBegin = true): Entry | undefined {
    const length = file.read(buffer, 0);
    if (!isRecord(length) || (length < mark.length && !mayBegin)) return undefined;
    const last = length < HEAD ? NaN : digits(TOKEN_AT, TOKEN_DIGITS);
    const token = Math.max(this.#last, last <= GREATEST ? last : microseconds()) + 1;
    const recovered = length >= HEAD && buffer[STATE_AT] === H;
    const previousOwner = recovered ? publicPart(ownerInBuffer(length)) : undefined;
    try {
      this.#write(file, token);
    } catch (error) {
      this.#putBack(file, length);
      throw error;
    }
    return { token, recovered, previousOwner };
  }

  /**
   * Marks the record as free, if the file has this record and nothing else. If another program has
   * truncated it, even to an empty file, the whole record is written, so that the tokens go on.
   *
   * @param whole Whether to write only if the file has the whole record.
   */
  leave(file: LockFile, whole = false): void {
    const length = file.read(buffer, 0);
    if (length > BYTES || !this.#isIn(length) || (whole && length < BYTES)) return;
    this.#bytes.set(FREE, STATE_AT);
    // The whole record, since the file may be emptied between the two calls.
    file.write(this.#bytes, 0);
  }

  /** Writes back the text that was read: half of a new token could be a smaller one. */
  #putBack(file: LockFile, length: number): void {
    try {
      file.write(buffer.subarray(0, length), 0);
    } catch {
      // As much as before can be written, which is the part that has changed.
    }
  }

  #write(file: LockFile, token: number): void {
    this.#put(token, TOKEN_AT, TOKEN_DIGITS);
    this.#put(Date.now(), SINCE_AT, SINCE_DIGITS);
    this.#bytes.set(HELD, STATE_AT);
    file.write(this.#bytes, 0);
    this.#last = token;
  }

  /** Whether the first `length` bytes of the buffer equal those of this record. */
  #isIn(length: number): boolean {
    const whole = length >> 2;
    for (let i = 0; i < whole; i++) if (words[i] !== this.#words[i]) return false;
    for (let i = whole << 2; i < length; i++) if (buffer[i] !== this.#bytes[i]) return false;
    return true;
  }

  /** In two halves, since the division of 32-bit integers is fast. */
  #put(number: number, at: number, count: number): void {
    const high = Math.floor(number / HALF);
    putDigits(this.#bytes, number - high * HALF, at + count - HALF_DIGITS, HALF_DIGITS);
    putDigits(this.#bytes, high, at, count - HALF_DIGITS);
  }
}

function putDigits(bytes: Uint8Array, number: number, at: number, count: number): void {
  for (let i = at + count - 1, rest = number | 0; i >= at; i--) {
    const next = (rest / 10) | 0;
    bytes[i] = ZERO + rest - next * 10;
    rest = next;
  }
}

/** The holder of a lock file by its record. */
export interface Reading {
  /** Whether the file has a record, or is empty and may get one. */
  readonly ours: boolean;
  /** The owner in a record that says `held`. */
  readonly owner: RecordedOwner | undefined;
  /** The last fencing token. */
  readonly token: number | undefined;
}

/** Reads the record of a lock file, while a holder may be writing it. */
export function readRecord(file: LockFile): Reading {
  const length = file.read(buffer, 0);
  const ours = isRecord(length);
  const held = ours && length >= HEAD && buffer[STATE_AT] === H;
  const token = ours && length >= HEAD ? digits(TOKEN_AT, TOKEN_DIGITS) : NaN;
  return {
    ours,
    owner: held ? ownerInBuffer(length) : undefined,
    token: token <= GREATEST ? token : undefined,
  };
}
