import { describeOwner, type Owner } from "../contract/owner.ts";
import { adapter } from "../runtime/adapters/adapter.ts";
import {
  isGone,
  processIdentity,
  runtimeName,
  threadIdentity,
} from "../runtime/identity/thread_identity.ts";
import type { LockFile } from "../runtime/file_locks/lock_file.ts";
import { flockHolders, inheritorOf } from "../runtime/file_locks/lock_holders.ts";
import { hostName } from "../runtime/identity/machine.ts";
import { quotePath } from "../runtime/paths/path_bytes.ts";
import { publicPart, readRecord, type RecordedOwner } from "./lock_record.ts";

/** This thread as the owner of a lock. */
export function thisOwner(file: LockFile, label: string | undefined): RecordedOwner {
  const labelled = label === undefined ? {} : { label };
  if (file.fd === undefined) return { pid: adapter.pid, runtime: runtimeName(), ...labelled };
  const { pid, thread, startTime, namespace, timeNamespace } = threadIdentity();
  return {
    pid,
    thread,
    host: hostName(),
    runtime: runtimeName(),
    ...labelled,
    started: startTime,
    namespace,
    timeNamespace,
  };
}

/** This process as the owner of a lock that its child program inherits by a descriptor. */
export function starterOf(label: string, descriptor: number): RecordedOwner {
  const { pid, startTime, namespace, timeNamespace } = processIdentity(adapter.pid);
  const host = hostName();
  return { pid, host, label, started: startTime, namespace, timeNamespace, descriptor };
}

/**
 * The exclusive holder of a file: the owner in its record, unless that one is dead; else the
 * process that acquired the lock by the kernel's list. `undefined` if the file has other contents
 * than a record.
 */
export function ownerOf(file: LockFile): Owner | undefined {
  const { ours, owner } = readRecord(file);
  if (!ours) return undefined;
  if (file.fd === undefined) return publicPart(owner);
  const program = programOf(file, owner);
  if (program !== undefined) return { ...publicPart(owner)!, pid: program };
  if (owner !== undefined && !isDead(owner)) return publicPart(owner);
  return listedOwnerOf(file);
}

/** The process that holds a file by the kernel's list. */
function listedOwnerOf(file: LockFile): Owner | undefined {
  if (file.fd === undefined || file.mechanism !== "flock") return undefined;
  const [pid] = flockHolders(file) ?? [];
  return pid === undefined ? undefined : { pid, host: hostName() };
}

/** The process of the child program that inherited the lock; it may outlive the owner. */
export function programOf(
  file: LockFile,
  owner: RecordedOwner | undefined,
): number | undefined {
  if (owner?.descriptor === undefined || owner.host !== hostName()) return undefined;
  return inheritorOf(file, owner.descriptor, owner.pid);
}

/** The message of the error if a wait for a file runs out of time. */
export function lockTimeoutMessage(file: LockFile): string {
  return `Cannot lock ${quotePath(file.path)} in time: ${
    describeOwner(ownerOf(file) ?? listedOwnerOf(file))
  } holds it`;
}

/** Whether a recorded owner is dead for certain. */
export function isDead(owner: RecordedOwner): boolean {
  const { pid, thread = pid, started = 0, namespace = 0, timeNamespace = 0, host } = owner;
  return host === hostName() &&
    isGone({ pid, thread, startTime: started, namespace, timeNamespace });
}
