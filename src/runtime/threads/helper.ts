import { adapter } from "../adapters/adapter.ts";
import type { HelperThread } from "../adapters/port.ts";
import {
  type HelperJob,
  type HelperReport,
  type HelperStart,
  WORD_COUNT,
  WORDS,
} from "./helper_messages.ts";
import { startHelper } from "./start_helper.ts";

/** The interval at which a helper is interrupted until it has returned from the kernel. */
const INTERRUPT_MS = 2;
/** How long a process that ends waits for a helper to return from the kernel. */
const EXIT_MS = 500;

/** What the user of a helper is told of it. */
export interface HelperListener<Job, Answer> {
  /**
   * Interrupts the helper in the kernel. It is called again and again until the job has ended,
   * since the helper may not be in the kernel yet.
   *
   * @param thread The thread number of the helper.
   */
  readonly interrupt?: (thread: number) => void;
  /** Called when the helper has started, and each time that it has answered its last job. */
  readonly onIdle?: (helper: Helper<Job, Answer>) => void;
  /** Called when the helper has news. */
  readonly onNews?: () => void;
  /** Called once, when the helper has failed or ended, before its jobs fail. */
  readonly onEnd?: () => void;
}

/** Called once with the answer to a job; with `undefined` if the helper failed to do it. */
type OnAnswer<Answer> = (answer: Answer | undefined) => void;

/**
 * A helper thread: it blocks in the kernel on behalf of its parent. It does one job after the
 * other, and keeps the process alive only while the parent waits for an answer. The other side is
 * `serveParent`.
 */
export class Helper<Job, Answer = never> {
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * WORD_COUNT));
  readonly #thread: HelperThread;
  readonly #listener: HelperListener<Job, Answer>;
  readonly #asked = new Map<number, OnAnswer<Answer>>();
  #last = 0;
  #isReady = false;
  #hasEnded = false;

  constructor(thread: HelperThread, kind: string, listener: HelperListener<Job, Answer>) {
    this.#thread = thread;
    this.#listener = listener;
    // SAFETY: the helper runs `serveParent` for this kind of answers.
    thread.onMessage((message) => this.#receive(message as HelperReport<Answer>));
    thread.unref();
    thread.postMessage({ words: this.#words, kind } satisfies HelperStart);
  }

  /** Whether it has started. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Whether the parent waits for no answer. */
  get isIdle(): boolean {
    return this.#asked.size === 0;
  }

  /** Whether it has failed or ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Gives it a job and waits for the answer. Returns the number of the job. */
  ask(job: Job, onAnswer: OnAnswer<Answer>): number {
    if (this.isIdle) this.#thread.ref();
    const number = this.#post(job, true);
    this.#asked.set(number, onAnswer);
    return number;
  }

  /** Gives it a job without an answer. */
  tell(job: Job): void {
    this.#post(job, false);
  }

  /**
   * Calls a job off, which is the only one; it is answered soon.
   *
   * @returns False if the helper has claimed its success already.
   */
  callOff(number: number): boolean {
    if (!this.#settle(number)) return false;
    const interrupt = () => {
      if (!this.#asked.has(number)) return;
      this.#interrupt();
      setTimeout(interrupt, INTERRUPT_MS);
    };
    interrupt();
    return true;
  }

  /** Whether a job was called off. */
  isCalledOff(number: number): boolean {
    return Atomics.load(this.#words, WORDS.settled) === number;
  }

  /**
   * Lets it begin no other job, and blocks until it has returned from the kernel: Node crashes if a
   * thread is ended in a foreign function.
   */
  stop(): void {
    const words = this.#words;
    Atomics.store(words, WORDS.stopped, 1);
    const end = performance.now() + EXIT_MS;
    for (;;) {
      const number = Atomics.load(words, WORDS.atWork);
      if (number === 0 || performance.now() >= end) return;
      this.#settle(number);
      this.#interrupt();
      Atomics.wait(words, WORDS.atWork, number, INTERRUPT_MS);
    }
  }

  /** Must be called once when the thread has failed or ended. */
  end(): void {
    this.#hasEnded = true;
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    this.#listener.onEnd?.();
    for (const onAnswer of asked) onAnswer(undefined);
  }

  #post(job: Job, isAsked: boolean): number {
    const number = ++this.#last;
    this.#thread.postMessage({ number, job, isAsked } satisfies HelperJob<Job>);
    return number;
  }

  /** Calls a job off; false if the helper has claimed its success already. */
  #settle(number: number): boolean {
    const words = this.#words;
    for (;;) {
      const last = Atomics.load(words, WORDS.settled);
      if (last === -number) return false;
      if (Atomics.compareExchange(words, WORDS.settled, last, number) === last) return true;
    }
  }

  #interrupt(): void {
    const thread = Atomics.load(this.#words, WORDS.thread);
    if (thread !== 0) this.#listener.interrupt?.(thread);
  }

  #receive(message: HelperReport<Answer>): void {
    if ("news" in message) return this.#listener.onNews?.();
    let onAnswer: OnAnswer<Answer> | undefined;
    if ("ready" in message) this.#isReady = true;
    else {
      onAnswer = this.#asked.get(message.number);
      if (onAnswer === undefined) return; // The helper has ended since.
      this.#asked.delete(message.number);
    }
    // Also when it has started: a thread of Node keeps the process alive again from then on.
    if (this.isIdle) this.#thread.unref();
    onAnswer?.("answer" in message ? message.answer : undefined);
    if (this.isIdle) this.#listener.onIdle?.(this);
  }
}

/** The helper threads that do one kind of jobs. One that fails is not replaced. */
export class Helpers<Job, Answer = never> {
  readonly #kind: string;
  readonly #program: string | undefined;
  readonly #all = new Set<Helper<Job, Answer>>();
  #isBroken = false;
  #isStoppedAtExit = false;

  /**
   * @param kind The name of the kind in the program.
   * @param program The URL of a program that calls `serveParent`; by default that of the library.
   */
  constructor(kind: string, program?: string) {
    this.#kind = kind;
    this.#program = program;
  }

  /** Those that were started and have not ended. */
  get all(): ReadonlySet<Helper<Job, Answer>> {
    return this.#all;
  }

  /** Starts one more; `undefined` if none can be started now, or if one has failed. */
  start(listener: HelperListener<Job, Answer>): Helper<Job, Answer> | undefined {
    if (this.#isBroken) return undefined;
    const thread = startHelper(() => {
      this.#isBroken = true;
      this.#all.delete(helper);
      helper.end();
    }, this.#program);
    if (thread === undefined) return undefined;
    const helper = new Helper<Job, Answer>(thread, this.#kind, listener);
    this.#all.add(helper);
    if (!this.#isStoppedAtExit) adapter.onExit?.(() => this.#stop());
    this.#isStoppedAtExit = true;
    return helper;
  }

  #stop(): void {
    for (const helper of this.#all) helper.stop();
  }
}
