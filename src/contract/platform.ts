/**
 * Types of the platform, as far as the public types name them. Each is the real type if the
 * program's type libraries declare it (`lib: ["dom"]`, `["esnext"]`, `@types/node`, Deno, Bun), and
 * otherwise a type that has what the library uses. So the declarations compile with any `lib` from
 * ES2022.
 *
 * @module
 */

declare const noDispose: unique symbol;
declare const noAsyncDispose: unique symbol;

/** `Symbol.dispose`, as the name of a method. */
export const dispose: SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key
  : typeof noDispose = Symbol.dispose;

/** `Symbol.asyncDispose`, as the name of a method. */
export const asyncDispose: SymbolConstructor extends {
  readonly asyncDispose: infer Key extends symbol;
} ? Key
  : typeof noAsyncDispose = Symbol.asyncDispose;

/** `Disposable`: an object for `using`. */
export type PlatformDisposable = {
  [
    Key in SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key : never
  ]: () => void;
};

/** `AsyncDisposable`: an object for `await using`. */
export type PlatformAsyncDisposable<Result extends PromiseLike<void> = PromiseLike<void>> = {
  [
    Key in SymbolConstructor extends { readonly asyncDispose: infer Key extends symbol } ? Key
      : never
  ]: () => Result;
};

/** `AbortSignal`, or what a wait uses of one. */
export type PlatformAbortSignal = typeof globalThis extends
  { AbortSignal: { prototype: infer Signal } } ? Signal : {
  readonly aborted: boolean;
  // deno-lint-ignore no-explicit-any -- As the type libraries declare it.
  readonly reason: any;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
};

/** `DOMException`, or `Error`. */
export type PlatformDOMException = typeof globalThis extends
  { DOMException: { prototype: infer Exception } } ? Exception : Error;

/** `WebAssembly.Memory`, or what a program sees of one. */
export type PlatformWasmMemory = typeof globalThis extends
  { WebAssembly: { Memory: { prototype: infer Memory } } } ? Memory
  : { readonly buffer: ArrayBufferLike };

/** `URL`, or what a path uses of one. */
export type PlatformURL = typeof globalThis extends { URL: { prototype: infer Url } } ? Url : {
  readonly href: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly pathname: string;
};
