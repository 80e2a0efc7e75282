import type { PlatformURL } from "./platform.ts";

/**
 * A path: a string, a `URL` of `file:`, or bytes, which need not be UTF-8 except on Windows. A
 * string is always a path, never the text of a URL.
 */
export type PathLike = string | PlatformURL | Uint8Array;
