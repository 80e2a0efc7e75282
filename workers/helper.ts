/**
 * The entry of a helper thread, for every kind of jobs. `deno task helper` bundles it into
 * src/runtime/threads/helper_program.ts, from which threads are started.
 *
 * @module
 */
import { commitWaiter } from "../src/files/commit_waiter.ts";
import { lockWaiter } from "../src/files/lock_waiter.ts";
import { serveParent } from "../src/runtime/threads/serve_parent.ts";
import { futexWatcher } from "../src/runtime/waiting/futex_watcher.ts";

serveParent({ commit: commitWaiter, futex: futexWatcher, lock: lockWaiter });
