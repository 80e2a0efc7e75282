import { adapter } from "../adapters/adapter.ts";
import { libc } from "../c/libc.ts";
import { type HelperJob, type HelperReport, type HelperStart, WORDS } from "./helper_messages.ts";

/** A job that a helper is doing. */
export interface Task {
  /** Whether the parent has called it off, or the process ends. */
  isCalledOff(): boolean;
  /** Claims its success; false if the parent has called it off before. */
  claim(): boolean;
  /** Tells the parent that there is news. */
  tellNews(): void;
}

/**
 * Does a job, and returns the answer, if it has one. If it throws, the job has failed; without an
 * answer to fail, the helper itself has.
 */
export type Work<Job, Answer> = (job: Job, task: Task) => Answer;

/**
 * Does the jobs of the thread that started this one as a helper; see `Helper`.
 *
 * @param works How to do each kind of jobs; the helper gets jobs of one kind.
 */
export function serveParent(works: Readonly<Record<string, Work<never, unknown>>>): void {
  const parent = adapter.parentThread();
  if (parent === undefined) throw new Error("This module is for a Web Worker");
  const say = (report: HelperReport<unknown>) => parent.postMessage(report);
  let words: Int32Array;
  let work: Work<never, unknown>;

  const isStopped = () => Atomics.load(words, WORDS.stopped) !== 0;

  const taskOf = (number: number): Task => ({
    isCalledOff: () => Atomics.load(words, WORDS.settled) === number || isStopped(),
    claim() {
      const last = Atomics.load(words, WORDS.settled);
      // The parent calls off the only job, so no other write can come in between.
      return last !== number &&
        Atomics.compareExchange(words, WORDS.settled, last, -number) === last;
    },
    tellNews: () => say({ news: true }),
  });

  /** Does a job, unless the process ends; `undefined` if there is nothing to say. */
  const report = (message: HelperJob<never>): HelperReport<unknown> | undefined => {
    const { number, job, isAsked } = message;
    // SAFETY: foreign functions are called between these two stores only. Node crashes if a thread
    // is ended in one, so a process that ends reads the word first.
    Atomics.store(words, WORDS.atWork, number);
    try {
      if (isStopped()) return undefined;
      Atomics.store(words, WORDS.thread, libc.gettid());
      const answer = work(job, taskOf(number));
      return isAsked ? { number, answer } : undefined;
    } catch (error) {
      if (!isAsked) throw error;
      return { number, failed: true };
    } finally {
      Atomics.store(words, WORDS.atWork, 0);
      Atomics.notify(words, WORDS.atWork);
    }
  };

  parent.onMessage((message) => {
    // SAFETY: the parent is a `Helper` for this kind of jobs.
    const received = message as HelperStart | HelperJob<never>;
    if ("words" in received) {
      words = received.words;
      work = works[received.kind];
      return;
    }
    const said = report(received);
    if (said !== undefined) say(said);
  });
  say({ ready: true });
}
