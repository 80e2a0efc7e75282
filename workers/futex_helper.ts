/**
 * The entry of the helper thread that watches futex words for the thread that started it; see
 * src/runtime/waiting/futex_watcher.ts.
 *
 * @module
 */
import { adapter } from "../src/runtime/adapters/adapter.ts";
import { FutexWatcher } from "../src/runtime/waiting/futex_watcher.ts";
import type { WatchStart } from "../src/runtime/waiting/watched_words.ts";

const parent = adapter.parentThread();
if (parent === undefined) throw new Error("This module is for a Web Worker");

let watcher: FutexWatcher | undefined;
parent.onMessage((message) => {
  const onChange = () => parent.postMessage("changed");
  if (message === "go") watcher?.run(onChange);
  else {
    watcher = new FutexWatcher(message as WatchStart);
    onChange(); // Reports that it has begun.
  }
});
