import { UnsupportedError } from "../../contract/errors.ts";

/** File names of Linux's C library, in the order to try: glibc, then musl. */
export const LIBC_NAMES: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];

/** The end of every message about calls of C that are not possible. */
export const STILL_WORKS = "Anonymous memory for the workers of this process still works";

/**
 * Opens the first of these libraries that the system has.
 *
 * @param system The system and the processor, for the error.
 * @param open Opens one.
 * @throws {UnsupportedError} If there is none.
 */
export function openFirst<T>(
  libraries: readonly string[],
  system: string,
  open: (name: string) => T,
): T {
  let failure: unknown;
  for (const name of libraries) {
    try {
      return open(name);
    } catch (error) {
      failure = error;
    }
  }
  throw new UnsupportedError(
    `Cannot load ${libraries[0]} on ${system}: the system has no such library. ${STILL_WORKS}`,
    { cause: failure },
  );
}
