/**
 * Locks on files, between processes of any runtime.
 *
 * @module
 */
export { FileLock } from "./file_lock.ts";
