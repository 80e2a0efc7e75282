/**
 * A helper thread that waits in the kernel for file locks of another thread, one at a time. A lock
 * belongs to the open file, not to the thread. The helper waits with a descriptor of its own: the
 * parent's is closed if the parent ends, and its number may soon be another file's.
 *
 * @module
 */
import type { LockJob } from "../src/files/lock_job.ts";
import { unlockFd, waitForFd } from "../src/runtime/file_locks/lock_by_descriptor.ts";
import { duplicate } from "../src/runtime/files/descriptors.ts";
import { threadIdentity, threadIsThere } from "../src/runtime/identity/thread_identity.ts";
import { serveParent } from "../src/runtime/threads/serve_parent.ts";
import { closeEarly, closeWithThread } from "../src/runtime/threads/thread_end.ts";

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

serveParent<LockJob, boolean>((job, task) => {
  if (task.isCalledOff()) return false;
  const { pid } = threadIdentity();
  const isWanted = () => !task.isCalledOff() && threadIsThere(pid, job.parent);
  return withOwnDescriptor(job, (own) => {
    if (!isWanted() || !waitForFd(own, isWanted)) return false;
    if (task.claim() && threadIsThere(pid, job.parent)) return true;
    unlockFd(own); // The wait was cancelled, or the parent has ended.
    return false;
  });
});
