import { unlockFd, waitForFd } from "../runtime/file_locks/lock_by_descriptor.ts";
import { duplicate } from "../runtime/files/descriptors.ts";
import { threadIdentity, threadIsThere } from "../runtime/identity/thread_identity.ts";
import type { Task } from "../runtime/threads/serve_parent.ts";
import { closeEarly, closeWithThread } from "../runtime/threads/thread_end.ts";
import type { LockJob } from "./lock_job.ts";

/** Waits with a copy of the descriptor; if the process can open no more, with the parent's. */
function withOwnDescriptor(job: LockJob, wait: (job: LockJob) => boolean): boolean {
  const copy = duplicate(job.fd);
  if (copy === undefined) return wait(job);
  let fd = copy;
  try {
    fd = closeWithThread(copy);
    return wait({ ...job, fd });
  } finally {
    closeEarly(fd);
  }
}

/**
 * Waits in the kernel for file locks of another thread, one at a time: the helper's side of
 * `startWait`. A lock belongs to the open file, not to the thread. The helper waits with a
 * descriptor of its own: the parent's is closed if the parent ends, and its number may soon be
 * another file's.
 */
export function lockWaiter(job: LockJob, task: Task): boolean {
  if (task.isCalledOff()) return false;
  const { pid } = threadIdentity();
  const isWanted = () => !task.isCalledOff() && threadIsThere(pid, job.parent);
  return withOwnDescriptor(job, (own) => {
    if (!isWanted() || !waitForFd(own, isWanted)) return false;
    if (task.claim() && threadIsThere(pid, job.parent)) return true;
    unlockFd(own); // The wait was cancelled, or the parent has ended.
    return false;
  });
}
