import type { Adapter, CFunctions, CSignatures } from "./port.ts";

/** How Node calls C: with `node:ffi`, or with the package koffi. */
export interface NodeCalls extends Pick<Adapter, "addressOf" | "bufferAt"> {
  /**
   * Finds functions in a library.
   *
   * @throws {Error} If the library or a function in it is missing.
   */
  bind<const S extends CSignatures>(signatures: S, library: string): CFunctions<S>;
}
