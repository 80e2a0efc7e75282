import type { MemoryHandle } from "../../src/memory/mod.ts";
import type { Site } from "../site.ts";
import type { Job, Report } from "./member.ts";

/** The parameters of a process of a fleet. */
export interface ProcessSpec {
  readonly coordinator: number;
  readonly site: Site;
  readonly jobs: number;
  /** The number of members of the fleet. */
  readonly workers: number;
  /** The number of this process; `undefined` if all members are its Web Workers. */
  readonly worker: number | undefined;
}

/** A message of a process: first that a member is ready, then the report of each job. */
export type Answer =
  | { readonly worker: number; readonly ready: true }
  | { readonly worker: number; readonly report: Report }
  | { readonly worker: number; readonly failed: string };

/** The first message to a Web Worker; jobs follow. */
export interface ThreadSpec {
  readonly jobs: number;
  readonly worker: number;
  readonly workers: number;
  readonly site: Site;
  readonly handle: MemoryHandle;
}

/** Does a job and returns its report or its error. */
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
