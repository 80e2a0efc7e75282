import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, isAbsolute, join, resolve } from "node:path";
import process from "node:process";
import { FileLock } from "../files/file_lock.ts";
import { makePrivateFolder } from "../host/own_folder.ts";
import { systemErrorOf } from "../host/system_error.ts";
import { folderOfSegments } from "../memory/segment_home.ts";

const PREFIX = "interlock-count-";

/** Makes a folder with a new name. */
function makeFolder(outer: string, prefix: string): string {
  try {
    return mkdtempSync(join(outer, prefix));
  } catch (error) {
    throw systemErrorOf("make a folder in", outer, error);
  }
}

function writeFile(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw systemErrorOf("write", path, error);
  }
}

/**
 * The files of one run: shared memory and socket in a folder for this user only, on `tmpfs`; the
 * text file in a folder of its own, in the directory of the user's choice. The run holds a lock as
 * long as it lives, so later runs can tell that a run was killed, and remove its files.
 */
export class RunFolder implements Disposable {
  readonly memory: string;
  readonly socket: string;
  /** The text file; empty if the run needs none. */
  readonly text: string = "";
  readonly #folders: string[] = [];
  #alive: FileLock | undefined;

  /**
   * Makes the files, after removing those of runs that were killed. Memory and socket are in a
   * folder of this user: in that of `INTERLOCK_DIR`, or in `/dev/shm`.
   *
   * @param text Whether the run needs a text file.
   * @param directory The folder of the text file. Default: the system's temporary folder.
   * @throws {Error} If the folder of this user's runs belongs to another user, or others may use
   * it; or if a file cannot be made. Nothing is left then.
   */
  constructor(text: boolean, directory = tmpdir()) {
    const home = homeOfRuns();
    removeDead(home);
    try {
      // It has a private name until its lock is held, or another run would take it for dead.
      const made = makeFolder(home, "new-");
      this.#folders.push(made);
      this.#alive = new FileLock(join(made, "alive.lock"));
      this.#alive.lock();
      if (text) {
        const folder = makeFolder(resolve(directory), PREFIX);
        this.#folders.push(folder);
        this.text = join(folder, "count.txt");
        writeFile(join(made, "text-folder"), folder);
        for (const file of [this.text, `${this.text}.scratch`]) writeFile(file, "");
      }
      const folder = join(home, basename(made).replace("new-", "count-"));
      renameSync(made, folder);
      this.#folders[0] = folder;
      this.memory = join(folder, "memory");
      this.socket = join(folder, "manager");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Removes the files. */
  [Symbol.dispose](): void {
    try {
      for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
    } finally {
      this.#alive?.close();
    }
  }
}

function homeOfRuns(): string {
  const base = process.env.INTERLOCK_DIR
    ? folderOfSegments(undefined, undefined, true)
    : existsSync("/dev/shm")
    ? "/dev/shm"
    : tmpdir();
  const home = join(base, `interlock-${process.getuid?.() ?? "user"}`);
  makePrivateFolder(home);
  return home;
}

/** Whether a run of this user made the folder; another user's folder may have its name by now. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && isAbsolute(folder) &&
    basename(folder).startsWith(PREFIX) && found.uid === (process.getuid?.() ?? found.uid);
}

function removeDead(home: string): void {
  for (const name of readdirSync(home)) {
    if (!name.startsWith("count-")) continue;
    const folder = join(home, name);
    try {
      using lock = new FileLock(join(folder, "alive.lock"));
      if (lock.tryAcquire() === undefined) continue;
      const note = join(folder, "text-folder");
      // Missing if a removal was not finished, or if the lock above has made the folder again.
      const text = existsSync(note) ? readFileSync(note, "utf8") : undefined;
      if (text !== undefined && isOurs(text)) rmSync(text, { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      // Another run is removing it at the same moment, perhaps while the lock was made again.
      if (!["ENOENT", "ENOTEMPTY"].includes((error as { code?: string }).code!)) throw error;
    }
  }
}
