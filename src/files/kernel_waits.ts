import { adapter } from "../runtime/adapters/adapter.ts";
import { startHelper } from "../runtime/threads/start_helper.ts";
import { threadIdentity } from "../runtime/identity/thread_identity.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import type { HelperThread } from "../runtime/adapters/port.ts";
import { interruptThread } from "../runtime/waiting/interruptible_wait.ts";
import { AT_WORK, type HelperJob, type HelperMessage, SETTLED, THREAD } from "./helper_job.ts";

/** The most helper threads that wait in the kernel for this thread; further waits are polled. */
const HELPERS = 4;
/** The first pause of polled waits; each is twice as long as the one before. */
const FIRST_MS = 1;
/** The longest pause of polled waits. */
const LAST_MS = 64;
/** The interval at which a helper is interrupted until it has returned from the kernel. */
const INTERRUPT_MS = 2;
/** How long a process that ends waits for its helpers to return from the kernel. */
const EXIT_MS = 500;

/** A wait for the lock on an open file. No other code may use the file until the wait has ended. */
export interface KernelWait {
  readonly file: LockFile;
  readonly shared: boolean;
  /** Called once, also if the wait was cancelled, with whether the file is locked now. */
  readonly onEnd: (locked: boolean, error?: unknown) => void;
}

class Helper {
  wait: KernelWait | undefined;
  readonly #words = new Int32Array(new SharedArrayBuffer(12));
  readonly #thread: HelperThread;
  #number = 0;

  constructor(thread: HelperThread) {
    this.#thread = thread;
    thread.onMessage((message) => this.#receive(message as HelperMessage));
    thread.unref();
  }

  run(wait: KernelWait): void {
    this.wait = wait;
    this.#thread.ref();
    const { fd, path, range } = wait.file;
    Atomics.store(this.#words, SETTLED, 0);
    const job: HelperJob = {
      number: ++this.#number,
      fd: fd!, // `canBeHelped` has checked that there is one.
      path,
      range,
      shared: wait.shared,
      words: this.#words,
      parent: threadIdentity().thread,
    };
    this.#thread.postMessage(job);
  }

  cancel(): void {
    const number = this.#number;
    if (!this.#settle(number)) return this.wait!.file.unlock();
    const interrupt = () => {
      if (this.wait === undefined || this.#number !== number) return;
      this.#interrupt();
      setTimeout(interrupt, INTERRUPT_MS);
    };
    interrupt();
  }

  /** Cancels its job, and blocks until it has returned from the kernel. */
  stop(): void {
    const number = this.#number;
    this.#settle(number);
    const deadline = performance.now() + EXIT_MS;
    if (this.wait === undefined) return;
    while (Atomics.load(this.#words, AT_WORK) === number && performance.now() < deadline) {
      this.#interrupt();
      Atomics.wait(this.#words, AT_WORK, number, INTERRUPT_MS);
    }
  }

  /** Cancels a job; false if it has the lock already. */
  #settle(number: number): boolean {
    return Atomics.compareExchange(this.#words, SETTLED, 0, number) !== -number;
  }

  #interrupt(): void {
    // SAFETY: the signal reaches only threads of this process. SIGURG is ignored by default, and its
    // handler here does nothing, so a thread that reuses the number sees an EINTR at most.
    const thread = Atomics.load(this.#words, THREAD);
    if (thread !== 0) interruptThread(thread);
  }

  #receive(message: HelperMessage): void {
    if ("ready" in message) {
      // Once more: a thread of Node keeps the process alive again when it has started. It may have a
      // job already.
      if (this.wait === undefined) this.#thread.unref();
      return idle(this);
    }
    const { wait } = this;
    if (wait === undefined) return; // The helper has failed since.
    this.wait = undefined;
    this.#thread.unref();
    if (message.failed && !this.#isCancelled()) {
      unhelped.add(wait);
      poll(wait);
    } else wait.onEnd(message.locked);
    idle(this);
  }

  /** Ends the use of a helper that failed: its wait is polled from now on, unless cancelled. */
  fail(): void {
    helpers.delete(this);
    const { wait } = this;
    this.wait = undefined;
    broken = true;
    if (wait === undefined) return;
    if (this.#isCancelled()) wait.onEnd(false);
    else poll(wait);
  }

  #isCancelled(): boolean {
    return Atomics.load(this.#words, SETTLED) === this.#number;
  }
}

const helpers = new Set<Helper>();
const polled = new Set<KernelWait>();
/** Waits in which a helper failed. They are polled; if that fails, too, its error says why. */
const unhelped = new WeakSet<KernelWait>();
let broken = false;
let delay = FIRST_MS;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Starts a wait: in a helper thread, or polled until a helper is free. */
export function startWait(wait: KernelWait): void {
  const idle = canBeHelped(wait) && [...helpers].find((helper) => helper.wait === undefined);
  if (idle) return idle.run(wait);
  poll(wait);
  if (canBeHelped(wait) && !broken && helpers.size < HELPERS) addHelper();
}

/** Cancels a wait. It ends soon, locked or not. */
export function cancelWait(wait: KernelWait): void {
  if (polled.delete(wait)) return wait.onEnd(false);
  for (const helper of helpers) if (helper.wait === wait) helper.cancel();
}

function canBeHelped(wait: KernelWait): boolean {
  return wait.file.fd !== undefined && !unhelped.has(wait);
}

/** Starts one more helper; if that is not possible, all waits are polled. */
function addHelper(): void {
  const module = new URL("../../workers/lock_waiter.ts", import.meta.url);
  const thread = startHelper(module, () => helper.fail());
  if (thread === undefined) return;
  const helper = new Helper(thread);
  if (helpers.size === 0) adapter.onExit?.(stopHelpers);
  helpers.add(helper);
}

function stopHelpers(): void {
  for (const helper of helpers) helper.stop();
}

/** Gives a free helper the wait that has been polled for the longest time. */
function idle(helper: Helper): void {
  if (helper.wait !== undefined) return;
  for (const wait of polled) {
    if (!canBeHelped(wait)) continue;
    polled.delete(wait);
    return helper.run(wait);
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
