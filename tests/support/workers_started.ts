import type * as threads from "node:worker_threads";

/** A worker of the runtime, to end it from outside. */
export interface StartedWorker {
  terminate(): unknown;
}

/**
 * The workers that were started since this module was loaded. Load it before the modules that start
 * workers.
 */
export const started: StartedWorker[] = [];

/** How many of them were helpers that have loaded. */
export let ready = 0;

// deno-lint-ignore no-explicit-any -- Each runtime has another class.
type AnyClass = new (...args: any[]) => StartedWorker;

function recording(Worker: AnyClass): AnyClass {
  return class extends Worker {
    // deno-lint-ignore no-explicit-any -- As above.
    constructor(...args: any[]) {
      super(...args);
      started.push(this);
      const hear = (message: { ready?: true }) => void (message.ready && ready++);
      if (this instanceof EventTarget) {
        this.addEventListener("message", (event) => hear((event as MessageEvent).data));
      } else (this as unknown as threads.Worker).on("message", hear);
    }
  };
}

// SAFETY: each runtime has `process`; only Bun has to have `Worker`.
const scope = globalThis as unknown as {
  process: { getBuiltinModule(name: string): { Worker: AnyClass } };
  Worker: AnyClass;
};
const holder = "Bun" in globalThis ? scope : scope.process.getBuiltinModule("node:worker_threads");
holder.Worker = recording(holder.Worker);
