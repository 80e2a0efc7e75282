import type { WorkerMessage, WorkerReport } from "./worker.ts";

/** Receives the messages of a run's workers, until all are ready and until all are done. */
export class RunReports {
  /** The reports of the workers that are done, by worker. */
  readonly reports: WorkerReport[] = [];
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();
  readonly #workers: number;
  readonly #onMessage: () => void;
  #readyCount = 0;
  #doneCount = 0;

  /** @param onMessage Called for each message: twice for each worker. */
  constructor(workers: number, onMessage: () => void) {
    this.#workers = workers;
    this.#onMessage = onMessage;
  }

  /** Resolves when all workers are ready to count. */
  get allReady(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when all workers have reported. */
  get allDone(): Promise<void> {
    return this.#done.promise;
  }

  /** Whether all workers have reported. */
  get complete(): boolean {
    return this.#doneCount === this.#workers;
  }

  readonly receive = (message: WorkerMessage): void => {
    this.#onMessage();
    if (message.kind === "ready" && ++this.#readyCount === this.#workers) this.#ready.resolve();
    if (message.kind === "done") {
      this.reports[message.worker] = message.report;
      this.#doneCount++;
      if (this.complete) this.#done.resolve();
    }
  };
}
