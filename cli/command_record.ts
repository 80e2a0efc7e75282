import { programOf, starterOf, thisOwner } from "../src/files/lock_owner.ts";
import {
  type Entry,
  LABEL_LENGTH,
  LockRecord,
  readRecord,
  type RecordedOwner,
} from "../src/files/lock_record.ts";
import { O_RDWR } from "../src/runtime/c/constants.ts";
import { DescriptorLockFile } from "../src/runtime/file_locks/descriptor_lock_file.ts";
import { statusOf } from "../src/runtime/files/file_status.ts";
import { tryOpen, writeAt } from "../src/runtime/files/open_file.ts";
import type { Target } from "./lock_target.ts";

/**
 * The record of a command in the lock file that it holds. The command may write to this file, or
 * run it. So the record is written only to a new file or to one that already has a record, through
 * a descriptor that is closed before the command starts, and is cleared only if the file contains
 * nothing else.
 */
export class CommandRecord {
  readonly entry: Entry;
  readonly #file: DescriptorLockFile;
  readonly #owner: RecordedOwner;
  readonly #record: LockRecord;

  private constructor(
    file: DescriptorLockFile,
    owner: RecordedOwner,
    record: LockRecord,
    entry: Entry,
  ) {
    this.#file = file;
    this.#owner = owner;
    this.#record = record;
    this.entry = entry;
  }

  /**
   * Writes the record of a holder; returns `undefined` if the file must not get a record.
   *
   * @param close Whether this process holds the lock, and not the command.
   */
  static enter({ file, isNew }: Target, label: string, close: boolean): CommandRecord | undefined {
    const { isFile, size } = statusOf(file.fd, file.path);
    if (!isFile || !(isNew || (size > 0 && readRecord(file).ours))) return undefined;
    const name = label.slice(0, LABEL_LENGTH);
    const owner = close ? thisOwner(file, name) : starterOf(name, file.fd);
    return forWriting(file, (writable) => {
      const record = new LockRecord(owner);
      const entry = record.enter(writable, isNew);
      return entry && new CommandRecord(file, owner, record, entry);
    });
  }

  /**
   * Clears the record, unless the command has left behind a process that keeps the lock and may
   * write to the file.
   *
   * @param isAlone Whether there is certainly no such process: finding it takes long.
   */
  leave(isAlone: boolean): void {
    if (
      !isAlone && this.#owner.descriptor !== undefined &&
      programOf(this.#file, this.#owner) !== undefined
    ) return;
    forWriting(this.#file, (writable) => this.#record.leave(writable, true));
  }
}

/** The same file as the descriptor's, open for writing. */
class WritableFile extends DescriptorLockFile {
  override write(bytes: Uint8Array, offset: number): void {
    writeAt(this.fd, this.path, bytes, offset);
  }
}

/**
 * Opens the lock file again, for writing; does nothing if this user may not write to it, or its
 * path leads elsewhere now.
 */
function forWriting<T>(file: DescriptorLockFile, body: (writable: WritableFile) => T) {
  const fd = tryOpen(file.path, O_RDWR);
  if (fd === undefined) return undefined;
  const again = new WritableFile(fd, file.path);
  try {
    return again.id === file.id ? body(again) : undefined;
  } finally {
    again.close();
  }
}
