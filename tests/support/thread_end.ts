import { libc } from "../../src/runtime/mod.ts";

function tellsThreadEnds(): boolean {
  try {
    return libc.__cxa_thread_atexit_impl !== undefined;
  } catch {
    return false;
  }
}

/** Why files are not closed at the end of a thread here, for the `skip` of a test; or false. */
export const NO_THREAD_END: string | false = !tellsThreadEnds() &&
  "the C library calls nothing at the end of a thread (musl): this was NOT TESTED";
