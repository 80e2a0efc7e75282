import { lstatSync, mkdirSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { systemErrorOf } from "./system_error.ts";

const STICKY = 0o1000;

/**
 * Makes a folder for this user only, unless it exists, and checks its owner and mode: its name is
 * predictable, so another user may have made the folder, or a link in its place.
 *
 * @throws {Error} If the folder belongs to another user, or other users may use it.
 */
export function makePrivateFolder(folder: string): void {
  makeFolders(folder);
  check(folder, lstatSync(folder), 0o077);
}

/**
 * Makes a folder for programs that will be run later, unless it exists, and checks that no other
 * user can change its contents or replace it.
 *
 * @throws {Error} If the folder belongs to another user, or other users may write to it.
 */
export function makeTrustedFolder(folder: string): void {
  try {
    makeFolders(folder);
  } catch {
    return; // It contains nothing to run, and nothing can be stored in it.
  }
  const found = lstatSync(folder);
  check(folder, found, writersBeside(found));
  // In a system folder with the sticky bit, such as /tmp, users cannot replace each other's
  // folders.
  const outer = statSync(dirname(folder));
  const isSticky = (outer.mode & STICKY) !== 0;
  check(dirname(folder), outer, isSticky ? 0 : writersBeside(outer), outer.uid === 0);
}

/**
 * Makes a folder for this user only, and those above it, unless they exist.
 *
 * @throws {Error} If one cannot be made. Node's own recursion never ends below /proc.
 */
export function makeFolders(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    const outer = dirname(folder);
    if ((error as { code?: string }).code !== "ENOENT" || outer === folder) throw error;
    makeFolders(outer);
    makeFolder(folder);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const failure = systemErrorOf("make the folder", folder, error);
    if ((failure as { code?: string }).code !== "EEXIST" || !isFolder(folder)) {
      throw failure;
    }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The mode bits that let other users write; the group bit only if it is not this user's group. */
function writersBeside({ gid }: Stats): number {
  return gid === process.getgid?.() ? 0o002 : 0o022;
}

function check(folder: string, found: Stats, forbidden: number, isSystem = false): void {
  const user = process.getuid?.();
  if (user === undefined) return; // Windows has no user numbers.
  const flaw = !found.isDirectory()
    ? "it is not a folder"
    : found.uid !== user && !isSystem
    ? `it belongs to user ${found.uid}`
    : (found.mode & forbidden) !== 0
    ? `others may use it: its mode is ${(found.mode & 0o7777).toString(8)}`
    : undefined;
  if (flaw === undefined) return;
  throw new Error(
    `Cannot trust "${folder}": ${flaw}. Nothing in it was used. ` +
      "Remove it, or correct its owner and mode",
  );
}
