import { adapter } from "../../src/runtime/mod.ts";

/**
 * The worker's side of `race`: calls `prepare` with the start message, reports ready, and calls what
 * `prepare` returned when all workers may go.
 */
export function serveRace<S>(prepare: (start: S) => () => unknown): void {
  const parent = adapter.parentThread();
  if (parent === undefined) throw new Error("This module is for a Web Worker");
  let run: (() => unknown) | undefined;
  parent.onMessage((message) => {
    if (run !== undefined) return void Promise.resolve(run()).then(parent.postMessage);
    run = prepare(message as S);
    parent.postMessage("ready");
  });
}
