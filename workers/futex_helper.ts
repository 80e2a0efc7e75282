/**
 * The entry of the helper thread that watches futex words for the thread that started it; see
 * src/runtime/waiting/futex_watcher.ts.
 *
 * @module
 */
import { serveParent } from "../src/runtime/threads/serve_parent.ts";
import { FutexWatcher } from "../src/runtime/waiting/futex_watcher.ts";
import type { WatchJob } from "../src/runtime/waiting/watched_words.ts";

let watcher: FutexWatcher | undefined;
serveParent<WatchJob, void>(({ control }, task) => {
  watcher ??= new FutexWatcher(control);
  watcher.run(task.tellNews, task.isCalledOff);
});
