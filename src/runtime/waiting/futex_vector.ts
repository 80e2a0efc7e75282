import { adapter } from "../adapters/adapter.ts";
import type { CFunctions } from "../adapters/port.ts";
import { CLOCK_MONOTONIC } from "../c/constants.ts";
import { EINTR, errno, ETIMEDOUT, EWOULDBLOCK } from "../c/errno.ts";
import { libc } from "../c/libc.ts";

const SYS_FUTEX_WAITV = 449; // The same on every architecture.
const FUTEX_32 = 2;
const WAITER_BYTES = 24;
const SECOND_NS = 1_000_000_000n;

// SAFETY: syscall(2) is variadic; integers and pointers are passed as by this fixed signature.
const WAITV = {
  syscall: { parameters: ["i64", "bytes", "u32", "u32", "bytes", "i32"], result: "i32" },
} as const;

/**
 * How a sleep ended: the index of the word that was woken; another value than expected in one of
 * the words; after its time, or for no reason; or the system does not know such sleeps.
 */
export type VectorSleep = number | "changed" | "over" | "refused";

/** Futex words on which a thread sleeps at once, by futex_waitv(2), since Linux 5.16. */
export class FutexVector {
  readonly #waitv: CFunctions<typeof WAITV> = adapter.bind(WAITV);
  readonly #waiters: Uint8Array;
  readonly #view: DataView;
  readonly #time = new BigInt64Array(2);
  readonly #timeBytes = new Uint8Array(this.#time.buffer);

  /** Room for `size` words, 128 at most. */
  constructor(size: number) {
    this.#waiters = new Uint8Array(WAITER_BYTES * size);
    this.#view = new DataView(this.#waiters.buffer);
    errno(); // Binds it before it is needed.
  }

  /** Sets a word and the value that it must have for a sleep. */
  set(i: number, address: number, expected: number): void {
    this.#view.setBigUint64(i * WAITER_BYTES, BigInt(expected >>> 0), true);
    this.#view.setBigUint64(i * WAITER_BYTES + 8, BigInt(address), true);
    this.#view.setUint32(i * WAITER_BYTES + 16, FUTEX_32, true);
  }

  /** The address of a word, and the value that it must have for a sleep. */
  get(i: number): [address: number, expected: number] {
    return [
      Number(this.#view.getBigUint64(i * WAITER_BYTES + 8, true)),
      Number(this.#view.getBigUint64(i * WAITER_BYTES, true)),
    ];
  }

  /**
   * Sleeps on the first `count` words.
   *
   * SAFETY: the words must stay mapped during the call.
   */
  sleep(count: number, milliseconds: number): VectorSleep {
    libc.clock_gettime(CLOCK_MONOTONIC, this.#timeBytes);
    const end = this.#time[0] * SECOND_NS + this.#time[1] + BigInt(Math.ceil(milliseconds * 1e6));
    this.#time[0] = end / SECOND_NS;
    this.#time[1] = end % SECOND_NS;
    const woken = this.#waitv.syscall(
      SYS_FUTEX_WAITV,
      this.#waiters,
      count,
      0,
      this.#timeBytes,
      CLOCK_MONOTONIC,
    );
    if (woken >= 0) return woken;
    const failure = errno();
    if (failure === EWOULDBLOCK) return "changed";
    // Else a kernel before 5.16, or a sandbox that refuses the call.
    return failure === ETIMEDOUT || failure === EINTR ? "over" : "refused";
  }
}
