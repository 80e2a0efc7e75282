/** File names of the C library, by operating system, in the order to try: glibc, then musl. */
export const LIBC_NAMES: Readonly<Record<string, readonly string[] | undefined>> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
};
