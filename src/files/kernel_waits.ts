import { threadIdentity } from "../runtime/identity/thread_identity.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { type Helper, Helpers } from "../runtime/threads/helper.ts";
import { interruptThread } from "../runtime/waiting/interruptible_wait.ts";
import type { LockJob } from "./lock_job.ts";

/** The most helper threads that wait in the kernel for this thread; further waits are polled. */
const MOST_HELPERS = 4;
/** The first pause of polled waits; each is twice as long as the one before. */
const FIRST_MS = 1;
/** The longest pause of polled waits. */
const LAST_MS = 64;

/** A wait for the lock on an open file. No other code may use the file until the wait has ended. */
export interface KernelWait {
  readonly file: LockFile;
  readonly shared: boolean;
  /** Called once, also if the wait was cancelled, with whether the file is locked now. */
  readonly onEnd: (locked: boolean, error?: unknown) => void;
}

type LockHelper = Helper<LockJob, boolean>;

const helpers = new Helpers<LockJob, boolean>("lock");
/** Waits in the kernel: the helper of each, and the number of its job. */
const helped = new Map<KernelWait, { readonly helper: LockHelper; readonly number: number }>();
const polled = new Set<KernelWait>();
/** Waits in which a helper failed. They are polled; if that fails, too, its error says why. */
const unhelped = new WeakSet<KernelWait>();
let delay = FIRST_MS;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Starts a wait: in a helper thread, or polled until a helper is free. */
export function startWait(wait: KernelWait): void {
  if (!canBeHelped(wait)) return poll(wait);
  const idle = [...helpers.all].find(({ isIdle }) => isIdle);
  if (idle !== undefined) return help(idle, wait);
  poll(wait);
  // If no helper can be started, all waits are polled.
  if (helpers.all.size < MOST_HELPERS) {
    // SAFETY: the signal reaches only threads of this process. SIGURG is ignored by default, and
    // its handler here does nothing, so a thread that reuses the number sees an EINTR at most.
    helpers.start({ interrupt: interruptThread, onIdle: helpNext });
  }
}

/** Cancels a wait. It ends soon, locked or not. */
export function cancelWait(wait: KernelWait): void {
  if (polled.delete(wait)) return wait.onEnd(false);
  const job = helped.get(wait);
  // If the helper has the lock, its answer is under way.
  if (job !== undefined && !job.helper.callOff(job.number)) wait.file.unlock();
}

function canBeHelped(wait: KernelWait): boolean {
  return wait.file.fd !== undefined && !unhelped.has(wait);
}

/** Lets an idle helper wait. */
function help(helper: LockHelper, wait: KernelWait): void {
  const { file: { fd, path, range }, shared } = wait;
  const { thread: parent } = threadIdentity();
  // `canBeHelped` has checked that there is a descriptor.
  const number = helper.ask({ fd: fd!, path, range, shared, parent }, (locked) => {
    helped.delete(wait);
    if (locked !== undefined || helper.isCalledOff(number)) return wait.onEnd(locked === true);
    if (!helper.hasEnded) unhelped.add(wait);
    poll(wait);
  });
  helped.set(wait, { helper, number });
}

/** Gives an idle helper the wait that has been polled for the longest time. */
function helpNext(helper: LockHelper): void {
  for (const wait of polled) {
    if (!canBeHelped(wait)) continue;
    polled.delete(wait);
    return help(helper, wait);
  }
}

function poll(wait: KernelWait): void {
  polled.add(wait);
  delay = FIRST_MS;
  clearTimeout(timer);
  timer = setTimeout(tryPolled, delay);
}

function tryPolled(): void {
  for (const wait of polled) {
    let locked = false;
    let failure: unknown;
    try {
      locked = wait.file.tryLock(wait.shared);
    } catch (error) {
      failure = error;
    }
    if (!locked && failure === undefined) continue;
    polled.delete(wait);
    wait.onEnd(locked, failure);
  }
  delay = Math.min(2 * delay, LAST_MS);
  clearTimeout(timer);
  timer = polled.size > 0 ? setTimeout(tryPolled, delay) : undefined;
}
