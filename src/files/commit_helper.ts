import { adapter } from "../runtime/adapters/adapter.ts";
import { startHelper } from "../runtime/threads/start_helper.ts";
import type { HelperThread } from "../runtime/adapters/port.ts";
import type { GroupCommit } from "./group_commit.ts";

/** A message to the helper thread: wait for the sync of a write, or close the counter. */
export interface CommitJob {
  readonly counter: number;
  readonly path: string;
  /** The number of the write; `undefined` to close the counter. */
  readonly number: number | undefined;
  /** Words that both threads read and write; see {@linkcode STOP} and {@linkcode AT_WORK}. */
  readonly words: Int32Array;
}

/** The word that is 1 when the process ends. */
export const STOP = 0;
/** The word that is 1 while the helper may be in a system call. */
export const AT_WORK = 1;

/** A message of the helper thread: that it has started, then how each job ended. */
export type CommitMessage =
  | { readonly ready: true }
  | { readonly counter: number; readonly unopened: true }
  | { readonly counter: number; readonly error?: { message: string; fields: object } };

/** How long a process that ends waits for its helper to return from the kernel. */
const EXIT_MS = 500;

interface Waiting {
  readonly done: () => void;
  readonly fail: (error: Error) => void;
  /** Waits in this thread, since the helper cannot. */
  readonly here: () => void;
}

const words = new Int32Array(new SharedArrayBuffer(8));
const counters = new Map<GroupCommit, number>();
const waiting = new Map<number, Waiting>();
let helper: HelperThread | undefined;
let broken = false;
let last = 0;

/** Resolves when a write is on the storage; the helper thread calls `commit.await` for it. */
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

/** Tells the helper to close the files that it has opened for a commit. */
export function closeInHelper(commit: GroupCommit): void {
  const counter = counters.get(commit);
  if (counter === undefined) return;
  counters.delete(commit);
  const wait = waiting.get(counter);
  // The write has been synced by the caller. This thread must not wait any more: the files are about
  // to be closed.
  if (wait !== undefined) waiting.set(counter, { ...wait, here: wait.done });
  const job: CommitJob = { counter, path: commit.path, number: undefined, words };
  helper?.postMessage(job);
}

function commitHelper(): HelperThread | undefined {
  const module = new URL("../../workers/commit_waiter.ts", import.meta.url);
  const thread = startHelper(module, useNoHelper);
  thread?.onMessage((message) => receive(thread, message as CommitMessage));
  if (thread !== undefined) adapter.onExit?.(stopHelper);
  return thread;
}

function receive(thread: HelperThread, message: CommitMessage): void {
  if (!("ready" in message)) {
    const wait = waiting.get(message.counter);
    waiting.delete(message.counter);
    if (wait === undefined) return; // The helper has failed since.
    if ("unopened" in message) wait.here();
    else if (message.error === undefined) wait.done();
    else wait.fail(Object.assign(new Error(message.error.message), message.error.fields));
  }
  // Also when it has started: a thread of Node keeps the process alive again from then on.
  if (waiting.size === 0) thread.unref();
}

function useNoHelper(): void {
  broken = true;
  helper = undefined;
  for (const { here } of waiting.values()) here();
  waiting.clear();
}

/** Waits until the helper is in no system call: Node crashes if a thread is ended in one. */
function stopHelper(): void {
  Atomics.store(words, STOP, 1);
  Atomics.wait(words, AT_WORK, 1, EXIT_MS);
}
