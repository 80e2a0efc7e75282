import { O_DIRECTORY, O_RDONLY } from "../c/constants.ts";
import { interrupted } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { statusOf } from "../files/file_status.ts";
import { closeFile, openFile } from "../files/open_file.ts";
import { quotePath } from "../paths/path_bytes.ts";
import { tryFlock, unlockFlock, waitFlock } from "./flock.ts";
import type { LockFile } from "./lock_file.ts";

/** An open file or folder that is locked by its descriptor, whatever its path leads to. */
export class DescriptorLockFile implements LockFile {
  readonly path: string;
  readonly mechanism = "flock";
  readonly fd: number;
  readonly range = undefined;
  readonly id: string;
  readonly writable = false;

  /**
   * Takes over a descriptor.
   *
   * @param path What messages call it.
   */
  constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
    this.id = statusOf(fd, path).id;
  }

  /** Opens a folder. */
  static openFolder(path: string): DescriptorLockFile {
    return new DescriptorLockFile(openFile(path, O_RDONLY | O_DIRECTORY), path);
  }

  tryLock(shared: boolean): boolean {
    return tryFlock(this.fd, this.path, shared);
  }

  waitLock(shared: boolean, goOn: () => boolean): boolean {
    return waitFlock(this.fd, this.path, goOn, shared);
  }

  unlock(): void {
    unlockFlock(this.fd, this.path);
  }

  isCurrent(): boolean {
    return true;
  }

  reopen(): LockFile {
    throw new Error(`Cannot open ${quotePath(this.path)} again: it is locked by its descriptor`);
  }

  /** Reads nothing from a folder, or a file that is open for writing only. */
  read(bytes: Uint8Array, offset: number): number {
    let got: number;
    // SAFETY: pread(2) writes no more than `bytes.length` bytes.
    do got = libc.pread(this.fd, bytes, bytes.length, offset); while (interrupted(got));
    return Math.max(0, got);
  }

  write(_bytes: Uint8Array, _offset: number): void {
    throw new Error(`Cannot write to ${quotePath(this.path)}: it was opened only to lock it`);
  }

  sync(): void {}

  close(): void {
    closeFile(this.fd);
  }
}
