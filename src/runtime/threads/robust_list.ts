import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";

/*
 * The kernel walks a list of the thread's own when the thread ends, for any reason, or execs: for
 * each entry whose futex word contains the number of the thread, it sets FUTEX_OWNER_DIED and wakes
 * a sleeper. See get_robust_list(2). glibc has such a list for each thread, for its own robust
 * mutexes; entries of others can be in it. musl has another layout, and is refused here.
 *
 * An entry has two links: `next`, which the kernel follows, and `prev` before it. A link is the
 * address of a `next`; its lowest bit says something of the mutex there. The list is a ring: the
 * head has the same two links. Only its thread changes a list.
 */

/** From the word of a mutex of glibc to the link `next` of its entry. */
const TO_NEXT = 32n;
const FLAG = 1n;
const WORD = 8;
/** The length of a `struct robust_list_head`: `next`, then the offset, then `pending`. */
const HEAD_BYTES = 24n;

/** The numbers of the system calls. */
const NUMBERS: Readonly<Record<string, readonly [get: number, read: number, write: number]>> = {
  x64: [274, 310, 311],
  arm64: [100, 270, 271],
};

// SAFETY: syscall(2) is variadic; integers and pointers are passed as by this fixed signature.
const CALL = {
  syscall: {
    parameters: ["i64", "i64", "pointer", "pointer", "pointer", "i64", "i64"],
    result: "i32",
  },
} as const;

/** The most words that one call copies, and the bytes of a `struct iovec`. */
const MOST_WORDS = 4;
const RANGE = 2 * WORD;

/**
 * The memory around the list, which is the C library's: by calls of the system, which fail if an
 * address is not mapped.
 */
class ListMemory {
  readonly #call: CFunctions<typeof CALL> = adapter.bind(CALL, undefined, true);
  readonly #numbers = NUMBERS[adapter.arch];
  /** The contents of the words; then a `struct iovec` for them, and one for each of the words. */
  readonly #words = new BigUint64Array(new SharedArrayBuffer(MOST_WORDS * (WORD + RANGE) + RANGE));
  // SAFETY: shared memory does not move, and this object keeps it.
  readonly #address = adapter.addressOf(new Uint8Array(this.#words.buffer));

  /** The head of this thread's list; `undefined` if it has none, or the system does not tell. */
  head(): bigint | undefined {
    const at = this.#address;
    this.#words.fill(0n, 0, 2);
    // SAFETY: the system writes an address and a length.
    const failure = this.#call.syscall(this.#numbers[0], 0, at, at + WORD, 0, 0, 0);
    const [head, length] = this.#words;
    return failure === 0 && head !== 0n && length === HEAD_BYTES ? head : undefined;
  }

  /** Reads the words at some addresses; `undefined` if one of them cannot be read. */
  read(...addresses: bigint[]): bigint[] | undefined {
    return this.#copy(1, addresses) ? [...this.#words.subarray(0, addresses.length)] : undefined;
  }

  /**
   * Writes words, one after the other, up to one that cannot be written; returns whether there was
   * none.
   *
   * SAFETY: the words must be links of this thread's list.
   */
  write(...words: (readonly [address: bigint, value: bigint])[]): boolean {
    this.#words.set(words.map(([, value]) => value));
    return this.#copy(2, words.map(([address]) => address));
  }

  #copy(call: 1 | 2, addresses: readonly bigint[]): boolean {
    const size = addresses.length * WORD;
    const contents = this.#address;
    const ranges = addresses.flatMap((address) => [address, BigInt(WORD)]);
    this.#words.set([BigInt(contents), BigInt(size), ...ranges], MOST_WORDS);
    const own = contents + MOST_WORDS * WORD;
    const number = this.#numbers[call];
    const count = addresses.length;
    // SAFETY: process_vm_readv(2) and process_vm_writev(2) take one `struct iovec` of this buffer
    // and `count` of the other memory, and change no other memory.
    return this.#call.syscall(number, adapter.pid, own, 1, own + RANGE, count, 0) === size;
  }
}

let memory: ListMemory | undefined;

/** The address that a link leads to. */
const follow = (link: bigint) => link & ~FLAG;
/** The address of the link `prev` of the entry whose `next` is at an address. */
const prevOf = (next: bigint) => next - BigInt(WORD);

/**
 * Adds an entry to this thread's list, with the futex word at an address and the links 24 and 32
 * bytes after it.
 *
 * SAFETY: the 40 bytes must stay mapped until {@linkcode unlinkFromRobustList} has removed the
 * entry, or the kernel has walked the list, which is after the thread has run all of its program.
 *
 * @returns Whether it is in the list. If not, nothing was changed: the system has no such list, or
 * one that looks different from glibc's.
 */
export function linkToRobustList(word: number): boolean {
  if (adapter.platform !== "linux" || NUMBERS[adapter.arch] === undefined) return false;
  const list = memory ??= new ListMemory();
  const head = list.head();
  if (head === undefined) return false;
  const found = list.read(prevOf(head), head, head + 8n, head + 16n);
  if (found === undefined) return false;
  const [last, first, offset, pending] = found;
  // Nothing is pending, since no function of the C library runs now.
  if (BigInt.asIntN(64, offset) !== -TO_NEXT || pending !== 0n) return false;
  const second = prevOf(follow(first));
  if (list.read(second, last)?.every((link) => link === head) !== true) return false;
  const next = BigInt(word) + TO_NEXT;
  // The last write lets the kernel find the entry, whose links are complete by then.
  if (list.write([next, first], [prevOf(next), head], [second, next], [head, next])) return true;
  list.write([second, head]);
  return false;
}

/**
 * Removes the entry of a word from this thread's list.
 *
 * @returns Whether it did. If not, the word must stay mapped, and its memory must not be used for
 * anything else until the thread has ended.
 */
export function unlinkFromRobustList(word: number): boolean {
  const list = memory ??= new ListMemory();
  const next = BigInt(word) + TO_NEXT;
  const links = list.read(prevOf(next), next);
  if (links === undefined) return false;
  const [before, after] = links;
  const afterPrev = prevOf(follow(after));
  // Other programs that have the file can write to the links.
  const isThere = list.read(before, afterPrev)?.every((link) => follow(link) === next) === true;
  return isThere && list.write([before, after], [afterPrev, before]);
}
