import type { PlatformURL } from "./platform.ts";

/**
 * A path: a string, a `URL` of `file:`, or the bytes of a path that may not be UTF-8. A string is
 * always a path, never the text of a URL.
 */
export type PathLike = string | PlatformURL | Uint8Array;
