import { LABEL_LENGTH } from "../src/files/lock_record.ts";
import type { ByteRange } from "../src/runtime/file_locks/byte_range.ts";
import { invalidOption, UsageError } from "../src/host/usage_error.ts";

/** An option of `interlock lock`, by its long name. */
export interface LockFlag {
  /** Other long names. */
  readonly others?: readonly string[];
  /** The letters of the short forms. */
  readonly letters?: string;
  /** What its value is called, if it takes one. */
  readonly value?: string;
  /** Whether flock(1) has it, so that its long names may be abbreviated. */
  readonly ofFlock?: true;
  readonly set: (to: Draft, text: string, option: string) => void;
}

/** What is known of a command line as it is read. */
interface Draft {
  mode: "exclusive" | "shared" | "none";
  /** In seconds. */
  wait: number;
  never: boolean;
  conflict: number;
  close: boolean;
  become: boolean;
  verbose: boolean;
  status: boolean;
  json: boolean;
  range: boolean;
  start: number;
  length: number;
  fd?: number;
  label?: string;
  script?: string;
  /** Whether the help or the version is asked for. */
  asks: boolean;
}

/** All options. */
export const LOCK_FLAGS: Readonly<Record<string, LockFlag>> = {
  shared: { letters: "s", ofFlock: true, set: (to) => to.mode = "shared" },
  exclusive: { letters: "xe", ofFlock: true, set: (to) => to.mode = "exclusive" },
  unlock: { letters: "u", ofFlock: true, set: (to) => to.mode = "none" },
  timeout: {
    others: ["wait"],
    letters: "w",
    value: "seconds",
    ofFlock: true,
    set: (to, text, option) => to.wait = secondsIn(text, option),
  },
  nonblock: {
    others: ["nonblocking", "nb"],
    letters: "n",
    ofFlock: true,
    set: (to) => to.never = true,
  },
  "no-wait": { set: (to) => to.never = true },
  label: { value: "text", set: (to, text) => to.label = labelIn(text) },
  "conflict-exit-code": {
    letters: "E",
    value: "number",
    ofFlock: true,
    set: (to, text, option) => to.conflict = wholeIn(text, option, 255),
  },
  "exit-code": {
    value: "number",
    set: (to, text, option) => to.conflict = wholeIn(text, option, 255),
  },
  close: { letters: "o", ofFlock: true, set: (to) => to.close = true },
  "no-fork": { letters: "F", ofFlock: true, set: (to) => to.become = true },
  command: { letters: "c", value: "string", set: (to, text) => to.script = text },
  fcntl: { ofFlock: true, set: (to) => to.range = true },
  start: {
    value: "offset",
    ofFlock: true,
    set: (to, text, option) => {
      to.range = true;
      to.start = bytesIn(text, option);
    },
  },
  length: {
    value: "number",
    ofFlock: true,
    set: (to, text, option) => {
      to.range = true;
      to.length = bytesIn(text, option);
    },
  },
  fd: {
    value: "number",
    ofFlock: true,
    set: (to, text, option) => to.fd = wholeIn(text, option, 2 ** 31 - 1),
  },
  status: { set: (to) => to.status = true },
  json: { set: (to) => to.json = true },
  verbose: { ofFlock: true, set: (to) => to.verbose = true },
  version: { letters: "V", ofFlock: true, set: (to) => to.asks = true },
  help: { letters: "h", ofFlock: true, set: (to) => to.asks = true },
};

/** Options for locking. */
export interface LockOptions {
  /** `none` releases the lock of a descriptor and acquires none. */
  readonly mode: "exclusive" | "shared" | "none";
  /** In milliseconds. */
  readonly timeout: number;
  /** The exit status if the lock is not acquired. */
  readonly conflict: number;
  readonly verbose: boolean;
  /** The part to lock by fcntl(2); `undefined` for the whole file by flock(2). */
  readonly range: ByteRange | undefined;
}

/** A command to run under a lock. */
export interface LockedRun extends LockOptions {
  /** The words of the command, or a text for the shell. */
  readonly command: readonly string[] | string;
  readonly label: string | undefined;
  /** Whether to keep the lock from the command. */
  readonly close: boolean;
  /** Whether this process becomes the command instead of waiting for it. */
  readonly become: boolean;
}

/** What a command line of `interlock lock` asks for. */
export type LockTask =
  | { readonly kind: "ask" }
  | { readonly kind: "status"; readonly path: string; readonly json: boolean }
  | { readonly kind: "descriptor"; readonly fd: number; readonly options: LockOptions }
  | { readonly kind: "run"; readonly file: string | number; readonly run: LockedRun };

/**
 * Reads the arguments of `interlock lock`: options, the file, options again, the command.
 *
 * @throws {UsageError} If they cannot be understood.
 */
export function parseLock(args: readonly string[]): LockTask {
  const draft: Draft = {
    mode: "exclusive",
    wait: Infinity,
    never: false,
    conflict: 1,
    close: false,
    become: false,
    verbose: false,
    status: false,
    json: false,
    range: false,
    start: 0,
    length: 0,
    asks: false,
  };
  const before = readFlags(args, draft);
  if (draft.asks) return { kind: "ask" };
  // With --fd, there is no file.
  const file = draft.fd === undefined ? before[0] : undefined;
  const words = file === undefined ? before : readFlags(before.slice(1), draft);
  if (draft.asks) return { kind: "ask" };
  if (file === undefined && draft.fd === undefined) {
    throw new UsageError("Cannot lock: give a file, a folder or the number of a descriptor");
  }
  return taskOf(draft, file, words);
}

function taskOf(draft: Draft, file: string | undefined, words: readonly string[]): LockTask {
  const { script, fd, label, close, become, conflict, verbose, mode } = draft;
  if (draft.status) {
    if (file === undefined || words.length > 0 || script !== undefined) {
      throw new UsageError("Cannot combine --status with a command: give only a file");
    }
    return { kind: "status", path: file, json: draft.json };
  }
  if (draft.json) throw new UsageError("Cannot use --json without --status");
  if (become && close) {
    throw new UsageError("Cannot combine --no-fork with --close: nothing would hold the lock");
  }
  const options: LockOptions = {
    mode,
    timeout: draft.never ? 0 : 1000 * draft.wait,
    conflict,
    verbose,
    range: draft.range ? { start: draft.start, length: draft.length } : undefined,
  };
  if (script !== undefined && words.length > 0) {
    throw new UsageError("Cannot combine -c with a command: give one of them");
  }
  const command = script ?? words;
  if (command === "" || command.length > 0) {
    return { kind: "run", file: fd ?? file!, run: { ...options, command, label, close, become } };
  }
  if (fd !== undefined) throw new UsageError("Cannot use --fd without a command");
  if (!/^\s*\+?\d{1,10}$/.test(file!)) {
    throw new UsageError(
      "Cannot run: give a command, after the file or with -c; or only the number of a descriptor",
    );
  }
  return { kind: "descriptor", fd: Number(file), options };
}

/** Reads flags up to the first word or `--`; returns what follows. */
function readFlags(args: readonly string[], draft: Draft): readonly string[] {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at];
    if (arg === "--") return args.slice(at + 1);
    if (!arg.startsWith("-") || arg === "-") return args.slice(at);
    const next = (option: string) => {
      if (++at < args.length) return args[at];
      throw new UsageError(`${option} needs a value`);
    };
    if (arg.startsWith("--")) readLong(arg, draft, next);
    else readShort(arg, draft, next);
    if (draft.asks) return [];
  }
  return [];
}

function readLong(arg: string, draft: Draft, next: (option: string) => string): void {
  const [name] = arg.slice(2).split("=", 1);
  const option = `--${name}`;
  const flag = flagNamed(name);
  const given = name.length + 2 < arg.length ? arg.slice(name.length + 3) : undefined;
  if (flag.value === undefined && given !== undefined) {
    throw new UsageError(`${option} takes no value`);
  }
  flag.set(draft, flag.value === undefined ? "" : given ?? next(option), option);
}

/** The flag of a long name; one of flock(1) may be abbreviated, as getopt_long(3) allows. */
function flagNamed(name: string): LockFlag {
  const begun = new Map<LockFlag, string>();
  for (const [first, flag] of Object.entries(LOCK_FLAGS)) {
    for (const known of [first, ...flag.others ?? []]) {
      if (known === name) return flag;
      if (flag.ofFlock && known.startsWith(name)) begun.set(flag, known);
    }
  }
  const [[flag] = []] = begun;
  if (begun.size === 1) return flag!;
  throw new UsageError(
    begun.size === 0
      ? `Unknown option --${name} (see interlock lock --help)`
      : `--${name} is not clear: it may be --${[...begun.values()].join(" or --")}`,
  );
}

/** Reads `-n`, or several at once: `-nE5`. */
function readShort(arg: string, draft: Draft, next: (option: string) => string): void {
  for (let at = 1; at < arg.length; at++) {
    const option = `-${arg[at]}`;
    const flag = Object.values(LOCK_FLAGS).find(({ letters }) => letters?.includes(arg[at]));
    if (flag === undefined) {
      throw new UsageError(`Unknown option ${option} (see interlock lock --help)`);
    }
    if (flag.value === undefined) {
      flag.set(draft, "", option);
      continue;
    }
    return flag.set(draft, arg.slice(at + 1) || next(option), option);
  }
}

/** A number as strtold(3) reads it. */
function secondsIn(text: string, option: string): number {
  const isNumber = /^\s*\+?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)$/i.test(text);
  if (isNumber) return /inf/i.test(text) ? Infinity : Number(text);
  throw invalidOption(option, "be 0 seconds or more", text);
}

/** A whole number as strtol(3) reads it. */
function wholeIn(text: string, option: string, most: number): number {
  const value = Number(text);
  if (/^\s*\+?\d+$/.test(text) && value <= most) return value;
  throw invalidOption(option, `be a whole number from 0 to ${most}`, text);
}

const UNITS = "kmgtpe";

/** A number of bytes as flock(1) reads it: `4096`, `0x1000`, `010`, `4K`, `4KiB`, `4KB`, `1.5M`. */
function bytesIn(text: string, option: string): number {
  const [, whole, fraction = "", unit, suffix] =
    /^\s*\+?(0x[\da-f]+|\d+)(\.\d+(?=[a-z]))?(?:([kmgtpe])(i?b)?)?$/i.exec(text) ?? [];
  const base = /^b$/i.test(suffix) ? 1000 : 1024;
  const factor = unit === undefined ? 1 : base ** (1 + UNITS.indexOf(unit.toLowerCase()));
  const value = /^0\d/.test(whole) ? parseInt(whole, 8) : Number(whole);
  const bytes = Math.floor((value + Number(`0${fraction}`)) * factor);
  if (Number.isSafeInteger(bytes)) return bytes;
  throw invalidOption(option, "be a number of bytes, such as 4096 or 4K", text);
}

function labelIn(text: string): string {
  if (text.length <= LABEL_LENGTH) return text;
  throw new UsageError(
    `--label must have at most ${LABEL_LENGTH} characters (given ${text.length})`,
  );
}
