import { statSync } from "node:fs";
import { programOf } from "../src/files/lock_owner.ts";
import { type Entry, LockRecord, type RecordedOwner } from "../src/files/lock_record.ts";
import type { LockFile } from "../src/runtime/file_locks/lock_file.ts";
import { openLockFile } from "../src/runtime/file_locks/open_lock_file.ts";

/**
 * The record of a command in the lock file that it holds. The command may write to this file. So the
 * record is written only to a new file or to one that already has a record, through a descriptor
 * that is closed before the command starts, and is cleared only if the file contains nothing else.
 */
export class CommandRecord {
  readonly entry: Entry;
  readonly #file: LockFile;
  readonly #owner: RecordedOwner;
  readonly #record: LockRecord;

  private constructor(file: LockFile, owner: RecordedOwner, record: LockRecord, entry: Entry) {
    this.#file = file;
    this.#owner = owner;
    this.#record = record;
    this.entry = entry;
  }

  /** Writes the record of a holder; returns `undefined` if the file must not get a record. */
  static enter(file: LockFile, isNew: boolean, owner: RecordedOwner): CommandRecord | undefined {
    return inFile(file, (writable) => {
      const record = new LockRecord(owner);
      const entry = record.enter(writable, isNew);
      return entry && new CommandRecord(file, owner, record, entry);
    });
  }

  /**
   * Clears the record, unless the command has left behind a process that keeps the lock and may write
   * to the file.
   */
  leave(): void {
    if (programOf(this.#file, this.#owner) !== undefined) return;
    inFile(this.#file, (writable) => this.#record.leave(writable, true));
  }
}

/** Opens the lock file again, for writing; returns `undefined` if it no longer exists. */
function inFile<T>(file: LockFile, body: (writable: LockFile) => T): T | undefined {
  if (statSync(file.path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const again = openLockFile(file.path, undefined, false);
  try {
    return again.writable && again.id === file.id ? body(again) : undefined;
  } finally {
    again.close();
  }
}
