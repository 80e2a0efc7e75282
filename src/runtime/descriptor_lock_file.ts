import { interrupted } from "./errno.ts";
import { closeFile, O_DIRECTORY, O_RDONLY, openFile, statusOf } from "./files.ts";
import { tryFlock, unlockFlock, waitFlock } from "./flock.ts";
import { libc } from "./libc.ts";
import type { LockFile } from "./lock_file.ts";
import { quotePath } from "./path_bytes.ts";

/** An open file or folder that is locked as it is, by its descriptor: the path does not matter. */
export class DescriptorLockFile implements LockFile {
  readonly path: string;
  readonly mechanism = "flock";
  readonly fd: number;
  readonly range = undefined;
  readonly id: string;
  readonly writable = false;

  /** `path` is what messages call it. */
  constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
    this.id = statusOf(fd, path).id;
  }

  /** Opens a folder, whose lock is that of its descriptor. */
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

  /** Nothing where it cannot be read: a folder, or open for writing only. */
  read(bytes: Uint8Array, offset: number): number {
    let got: number;
    do got = libc.pread(this.fd, bytes, bytes.length, offset); while (interrupted(got));
    return Math.max(0, got);
  }

  write(): void {
    throw new Error(`Cannot write to ${quotePath(this.path)}: it is locked and nothing else`);
  }

  sync(): void {}

  close(): void {
    closeFile(this.fd);
  }
}
