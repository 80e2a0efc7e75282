import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import { errno, systemError } from "../c/errno.ts";
import { duplicate } from "../files/descriptors.ts";
import { closeEarly, closeWithThread } from "../threads/thread_end.ts";
import { DescriptorLockFile } from "./descriptor_lock_file.ts";

/**
 * The open file of a descriptor that the caller keeps; it is locked by a copy of the descriptor.
 */
export class BorrowedLockFile extends DescriptorLockFile {
  readonly isBorrowed = true;

  /**
   * Copies a descriptor.
   *
   * @throws {UnsupportedError} If this system is not Linux, or foreign functions are missing.
   * @throws {Error} With the `code` of the system, such as `EBADF`.
   */
  static of(descriptor: number): BorrowedLockFile {
    if (adapter.platform !== "linux") {
      throw new UnsupportedError(
        `Cannot lock descriptor ${descriptor} on ${adapter.platform}: only Linux is supported`,
      );
    }
    const name = `descriptor ${descriptor}`;
    const copy = duplicate(descriptor);
    if (copy === undefined) throw systemError("lock", name, errno());
    let fd = copy;
    try {
      fd = closeWithThread(copy);
      return new BorrowedLockFile(fd, name);
    } catch (error) {
      closeEarly(fd);
      throw error;
    }
  }

  /** Closes the copy; the lock stays, as long as the caller has the file open. */
  override close(): void {
    closeEarly(this.fd);
  }
}
