import type { MemoryHandle } from "../../src/memory/mod.ts";
import type { Folders } from "../place.ts";
import type { Job, Report } from "./member.ts";

/** Who a process is. */
export interface ProcessSpec {
  readonly coordinator: number;
  readonly folders: Folders;
  readonly bytes: number;
  /** All members of the fleet. */
  readonly workers: number;
  /** The one that this process is; undefined where all are its Web Workers. */
  readonly worker: number | undefined;
}

/** What a process says: first that a member is ready, then how each job went. */
export type Answer =
  | { readonly worker: number; readonly ready: true }
  | { readonly worker: number; readonly report: Report }
  | { readonly worker: number; readonly failed: string };

/** What a Web Worker is sent first; then come jobs. */
export interface ThreadSpec {
  readonly worker: number;
  readonly workers: number;
  readonly folders: Folders;
  readonly handle: MemoryHandle;
}

/** Does a job and says how it went. */
export async function answerTo(
  job: Job,
  worker: number,
  doIt: (job: Job) => Promise<Report>,
): Promise<Answer> {
  try {
    return { worker, report: await doIt(job) };
  } catch (error) {
    return {
      worker,
      failed: error instanceof Error ? error.stack ?? error.message : String(error),
    };
  }
}
