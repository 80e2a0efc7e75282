/** A value that is visible to all calls made within `run`, across every `await`. */
export interface AsyncStore<T> {
  /** Calls `body`; within it, `getStore` returns the value. */
  run<R>(value: T, body: () => R): R;
  /** The value here; `undefined` outside of every `run`. */
  getStore(): T | undefined;
}

/** Makes a store with Node's module, which every runtime has; loading it takes Deno 20 ms, once. */
export function asyncStore<T>(): AsyncStore<T> {
  // SAFETY: each runtime has `process` as a global, and Node's `AsyncLocalStorage` has these
  // methods.
  const { process } = globalThis as unknown as {
    process: {
      getBuiltinModule(name: string): { AsyncLocalStorage: new () => AsyncStore<T> };
    };
  };
  return new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)();
}
