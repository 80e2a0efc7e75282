import { createRequire, syncBuiltinESMExports } from "node:module";

/** A worker of the runtime, to end it from outside. */
export interface StartedWorker {
  terminate(): unknown;
}

/**
 * The workers that were started since this module was loaded. Load it before the modules that start
 * workers.
 */
export const started: StartedWorker[] = [];

// deno-lint-ignore no-explicit-any -- Each runtime has another class.
type AnyClass = new (...args: any[]) => StartedWorker;

function recording(Worker: AnyClass): AnyClass {
  return class extends Worker {
    // deno-lint-ignore no-explicit-any -- As above.
    constructor(...args: any[]) {
      super(...args);
      started.push(this);
    }
  };
}

const module = createRequire(import.meta.url)("node:worker_threads");
module.Worker = recording(module.Worker);
if ("Bun" in globalThis) {
  const scope = globalThis as unknown as { Worker: AnyClass };
  scope.Worker = recording(scope.Worker);
} else syncBuiltinESMExports();
