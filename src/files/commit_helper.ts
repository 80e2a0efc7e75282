import { type Helper, Helpers } from "../runtime/threads/helper.ts";
import type { CommitAnswer, CommitJob } from "./commit_job.ts";
import type { GroupCommit } from "./group_commit.ts";

const helpers = new Helpers<CommitJob, CommitAnswer>("commit");
/** The numbers of the counters that the helper knows. */
const counters = new Map<GroupCommit, number>();
let helper: Helper<CommitJob, CommitAnswer> | undefined;
let last = 0;

/** Resolves when a write is on the storage; the helper thread calls `commit.await` for it. */
export function commitInHelper(commit: GroupCommit, number: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const awaitHere = () => {
      try {
        commit.await(number);
        resolve();
      } catch (error) {
        reject(error);
      }
    };
    helper ??= helpers.start({ onEnd: () => helper = undefined });
    if (helper === undefined) return awaitHere();
    let counter = counters.get(commit);
    if (counter === undefined) counters.set(commit, counter = ++last);
    helper.ask({ counter, path: commit.path, number }, (answer) => {
      if (answer?.error !== undefined) {
        reject(Object.assign(new Error(answer.error.message), answer.error.fields));
      } else if (answer !== undefined || !counters.has(commit)) {
        // A caller that closes a counter has synced the write. Its files may be closed by now.
        resolve();
      } else awaitHere();
    });
  });
}

/** Tells the helper to close the files that it has opened for a commit. */
export function closeInHelper(commit: GroupCommit): void {
  const counter = counters.get(commit);
  if (counter === undefined) return;
  counters.delete(commit);
  helper?.tell({ counter, path: commit.path, number: undefined });
}
