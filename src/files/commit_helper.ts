import { adapter } from "../runtime/adapter.ts";
import { startHelper } from "../runtime/helper.ts";
import type { HelperThread } from "../runtime/port.ts";
import type { GroupCommit } from "./group_commit.ts";

/** What the helper thread is told: to see to the write of that number, or to close the counter. */
export interface CommitJob {
  readonly counter: number;
  readonly path: string;
  readonly number: number | undefined;
  /** What both write and read; see {@linkcode STOP} and {@linkcode AT_WORK}. */
  readonly words: Int32Array;
}

/** The word that is 1 when the process ends. */
export const STOP = 0;
/** The word that is 1 while the helper may be in a call of the system. */
export const AT_WORK = 1;

/** What the helper thread says: that it is there, then how each job ended. */
export type CommitMessage =
  | { readonly ready: true }
  | { readonly counter: number; readonly unopened: true }
  | { readonly counter: number; readonly error?: { message: string; fields: object } };

/** A process that ends gives its helper so long to come back from the kernel. */
const EXIT_MS = 500;

interface Waiting {
  readonly done: () => void;
  readonly fail: (error: Error) => void;
  /** Waits here, since the helper cannot. */
  readonly here: () => void;
}

const words = new Int32Array(new SharedArrayBuffer(8));
const counters = new Map<GroupCommit, number>();
const waiting = new Map<number, Waiting>();
let helper: HelperThread | undefined;
let broken = false;
let last = 0;

/** Resolves when a write is on the storage, as `commit.await` would return: a thread waits there. */
export function commitInHelper(commit: GroupCommit, number: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const here = () => {
      try {
        commit.await(number);
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    if (!broken) helper ??= commitHelper();
    if (helper === undefined) return here();
    let counter = counters.get(commit);
    if (counter === undefined) counters.set(commit, counter = ++last);
    waiting.set(counter, { done: resolve, fail: reject, here });
    helper.ref();
    helper.postMessage({ counter, path: commit.path, number, words } satisfies CommitJob);
  });
}

/** Has the helper close what it has open for a commit. */
export function leaveHelper(commit: GroupCommit): void {
  const counter = counters.get(commit);
  if (counter === undefined) return;
  counters.delete(commit);
  const wait = waiting.get(counter);
  // What it waited for is done. Nobody may wait here any more: the files are about to be closed.
  if (wait !== undefined) waiting.set(counter, { ...wait, here: wait.done });
  const job: CommitJob = { counter, path: commit.path, number: undefined, words };
  helper?.postMessage(job);
}

function commitHelper(): HelperThread | undefined {
  const module = new URL("../../workers/commit_waiter.ts", import.meta.url);
  const thread = startHelper(module, breakDown);
  thread?.onMessage((message) => hear(thread, message as CommitMessage));
  if (thread !== undefined) adapter.onExit?.(stopHelper);
  return thread;
}

function hear(thread: HelperThread, message: CommitMessage): void {
  if (!("ready" in message)) {
    const wait = waiting.get(message.counter);
    waiting.delete(message.counter);
    if (wait === undefined) return; // The helper has failed since.
    if ("unopened" in message) wait.here();
    else if (message.error === undefined) wait.done();
    else wait.fail(Object.assign(new Error(message.error.message), message.error.fields));
  }
  // Also when it has started: Node's hold the process again then.
  if (waiting.size === 0) thread.unref();
}

function breakDown(): void {
  broken = true;
  helper = undefined;
  for (const { here } of waiting.values()) here();
  waiting.clear();
}

/** Node breaks where a thread is ended in a call of the system. */
function stopHelper(): void {
  Atomics.store(words, STOP, 1);
  Atomics.wait(words, AT_WORK, 1, EXIT_MS);
}
