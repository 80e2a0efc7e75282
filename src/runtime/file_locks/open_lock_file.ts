import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import type { FileAccess } from "../files/file_access.ts";
import { quotePath } from "../paths/path_bytes.ts";
import type { ByteRange } from "./byte_range.ts";
import { DarwinLockFile } from "./darwin_lock_file.ts";
import { DenoLockFile } from "./deno_lock_file.ts";
import { LinuxLockFile } from "./linux_lock_file.ts";
import type { LockFile } from "./lock_file.ts";
import { WindowsLockFile } from "./windows_lock_file.ts";

type Opener = (
  path: string,
  range?: ByteRange,
  create?: boolean,
  write?: boolean,
  access?: FileAccess,
) => LockFile;

/** The opener of lock files for an operating system; `undefined` for an unknown system. */
export function openerFor(platform: string): Opener | undefined {
  if (platform === "linux") {
    return (path, range, create, write, access) =>
      new LinuxLockFile(path, range, create, write, access);
  }
  if (platform === "darwin") return (path, range) => new DarwinLockFile(path, range);
  if (platform === "win32") {
    return (path, range, create) => new WindowsLockFile(path, range, create);
  }
  return undefined;
}

const openNative = openerFor(adapter.platform);

/**
 * Opens a file to lock it; creates it, and the folders on the way, if they are missing. Without
 * foreign functions, uses the lock that the runtime itself has.
 *
 * @param create False if a missing file is an error, also when it is opened again.
 * @param write False to open it read-only, on Linux.
 * @param access Who may use a file that is made, on Linux; `undefined` for only this user.
 * @throws {TypeError} If it is not a regular file.
 * @throws {UnsupportedError} If no lock of a file, or of a range of it, is available.
 * @throws {Error} With the `code` of the system.
 */
export function openLockFile(
  path: string,
  range?: ByteRange,
  create = true,
  write = true,
  access?: FileAccess,
): LockFile {
  try {
    if (openNative !== undefined) return openNative(path, range, create, write, access);
    throw new UnsupportedError(
      `Cannot lock ${
        quotePath(path)
      } on ${adapter.platform}: only Linux, macOS and Windows are supported`,
    );
  } catch (error) {
    const isLockable = adapter.name === "deno" && range === undefined && access === undefined;
    if (!(error instanceof UnsupportedError) || !isLockable) throw error;
    return new DenoLockFile(path);
  }
}
