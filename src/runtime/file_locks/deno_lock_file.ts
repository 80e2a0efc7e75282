import { UnsupportedError } from "../../contract/errors.ts";
import { missingPermission } from "../adapters/missing_permission.ts";
import { absolutePath } from "../files/absolute_path.ts";
import { ANY_MAY_WRITE } from "../files/file_status.ts";
import { checkPath, isUtf8, quotePath } from "../paths/path_bytes.ts";
import { waitByTrying } from "../waiting/wait_by_trying.ts";
import type { LockFile } from "./lock_file.ts";

/**
 * A file that Deno itself locks, for programs without `--allow-ffi`. Deno's own wait could not be
 * ended, so a wait here tries again after 1 ms, 2 ms and so on up to 50 ms.
 */
export class DenoLockFile implements LockFile {
  readonly path: string;
  readonly mechanism = "deno-fs-file";
  readonly fd = undefined;
  readonly range = undefined;
  readonly id: string;
  readonly writable: boolean;
  readonly #full: string;
  readonly #file: Deno.FsFile;

  constructor(path: string, full: string = fullPath(path)) {
    this.path = path;
    this.#full = full;
    const found = openPermitted(full, path);
    this.#file = found.file;
    const status = this.#file.statSync();
    this.id = `${status.dev}:${status.ino}`;
    this.writable = found.writable && ((status.mode ?? 0o600) & ANY_MAY_WRITE) !== 0;
    // `isCurrent` refuses a symbolic link, since Deno has no O_NOFOLLOW.
    if (!status.isFile || !this.isCurrent()) {
      this.#file.close();
      throw new TypeError(`Cannot use ${quotePath(path)} as a lock: it is not a regular file`);
    }
  }

  tryLock(shared: boolean): boolean {
    return this.#file.tryLockSync(!shared);
  }

  waitLock(shared: boolean, goOn: () => boolean): boolean {
    return waitByTrying(() => this.tryLock(shared), goOn);
  }

  unlock(): void {
    this.#file.unlockSync();
  }

  isCurrent(): boolean {
    try {
      const { dev, ino, isFile } = Deno.lstatSync(this.#full);
      return isFile && `${dev}:${ino}` === this.id;
    } catch {
      return false;
    }
  }

  reopen(): DenoLockFile {
    return new DenoLockFile(this.path, this.#full);
  }

  read(bytes: Uint8Array, offset: number): number {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    try {
      return this.#file.readSync(bytes) ?? 0;
    } catch (error) {
      // On Windows, an exclusive lock keeps others from reading. The record is only information.
      if (Deno.build.os === "windows") return 0;
      throw error;
    }
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let done = 0; done < bytes.length;) done += this.#file.writeSync(bytes.subarray(done));
  }

  sync(): void {
    this.#file.syncDataSync();
  }

  close(): void {
    this.#file.close();
  }
}

/**
 * The absolute path, so that it leads to the same file after the program has changed its working
 * directory.
 *
 * @throws {UnsupportedError} If it is not UTF-8: Deno's own functions take text.
 */
function fullPath(path: string): string {
  if (!isUtf8(path)) throw notUtf8(path, "its path");
  if (Deno.build.os === "windows" && /^(?:[A-Za-z]:|[\\/])/.test(checkPath(path))) return path;
  return absolutePath(path, () => workingDirectory(path));
}

function workingDirectory(path: string): string {
  try {
    return Deno.cwd();
  } catch (error) {
    if (!(error instanceof Deno.errors.InvalidData)) throw error;
    throw notUtf8(path, "the working directory");
  }
}

function notUtf8(path: string, what: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot lock ${quotePath(path)} without foreign functions: ${what} is not UTF-8, and Deno's ` +
      "own functions take text. Add --allow-ffi",
  );
}

/** Refuses links and pipes before opening, which would create a link's target or wait at a pipe. */
function refuseOthers(full: string, path: string): void {
  let isFile = true;
  try {
    ({ isFile } = Deno.lstatSync(full));
  } catch {
    return; // No such file, or opening it reports the reason.
  }
  if (!isFile) {
    throw new TypeError(`Cannot use ${quotePath(path)} as a lock: it is not a regular file`);
  }
}

/** {@linkcode open}, whose error says which permission is missing. */
function openPermitted(path: string, given: string): ReturnType<typeof open> {
  try {
    return open(path, given);
  } catch (error) {
    const missing = missingPermission(error);
    if (missing === undefined) throw error;
    throw new UnsupportedError(`Cannot lock ${quotePath(given)}: ${missing}, or --allow-ffi`, {
      cause: error,
    });
  }
}

function open(
  path: string,
  given: string,
): { readonly file: Deno.FsFile; readonly writable: boolean } {
  refuseOthers(path, given);
  const write = { read: true, write: true, create: true, mode: 0o600 };
  try {
    return { file: Deno.openSync(path, write), writable: true };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      const slashes = Deno.build.os === "windows" ? path.replaceAll("\\", "/") : path;
      const folder = path.slice(0, slashes.lastIndexOf("/"));
      if (folder === "") throw error;
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      return { file: Deno.openSync(path, write), writable: true };
    }
    const { NotCapable, PermissionDenied } = Deno.errors;
    if (!(error instanceof PermissionDenied || error instanceof NotCapable)) throw error;
    try {
      return { file: Deno.openSync(path, { read: true }), writable: false };
    } catch (failure) {
      throw failure instanceof Deno.errors.NotFound ? error : failure;
    }
  }
}
