import { EACCES, EWOULDBLOCK, failureOf } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { waitInterruptibly } from "../waiting/interruptible_wait.ts";
import type { ByteRange } from "./byte_range.ts";

// Open file description locks: of the open file as with flock(2), not of the process. See fcntl(2).
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
const F_OFD_SETLKW = 38;
const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

/** A `struct flock`: a request for a part of a file. */
export function lockRequest(type: number, start: number, length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(32));
  view.setInt16(0, type, true);
  view.setBigInt64(8, BigInt(start), true);
  view.setBigInt64(16, BigInt(length), true);
  return new Uint8Array(view.buffer);
}

/** The requests for a range: lock shared, lock exclusively, unlock. */
export class RangeRequests {
  readonly #shared: Uint8Array;
  readonly #exclusive: Uint8Array;
  readonly #none: Uint8Array;

  constructor(range: ByteRange) {
    [this.#shared, this.#exclusive, this.#none] = [F_RDLCK, F_WRLCK, F_UNLCK]
      .map((type) => lockRequest(type, range.start, range.length));
  }

  /** Tries to lock the range; false if another open file description holds a part of it. */
  tryLock(fd: number, path: string, shared: boolean): boolean {
    let last = 0;
    for (;;) {
      // SAFETY: these operations of fcntl(2) take a `struct flock`.
      if (libc.fcntl(fd, F_OFD_SETLK, shared ? this.#shared : this.#exclusive) === 0) return true;
      last = failureOf("lock a range of", path, last);
      if (last === EWOULDBLOCK || last === EACCES) return false;
    }
  }

  /** Waits for the range, like `waitFlock`. */
  waitLock(fd: number, path: string, goOn: () => boolean, shared: boolean): boolean {
    if (this.tryLock(fd, path, shared)) return true;
    const { fcntl } = libc;
    const request = shared ? this.#shared : this.#exclusive;
    return waitInterruptibly(() => fcntl(fd, F_OFD_SETLKW, request), path, goOn);
  }

  /** Releases the range. */
  unlock(fd: number, path: string): void {
    let last = 0;
    while (libc.fcntl(fd, F_OFD_SETLK, this.#none) !== 0) {
      last = failureOf("unlock a range of", path, last);
    }
  }
}
