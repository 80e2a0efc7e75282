import { timeoutError } from "../contract/errors.ts";
import { describeOwner, type Owner } from "../contract/owner.ts";
import { adapter } from "../runtime/adapter.ts";
import { isGone, processIdentity, runtimeName, threadIdentity } from "../runtime/identity.ts";
import type { LockFile } from "../runtime/lock_file.ts";
import { flockHolders } from "../runtime/lock_holders.ts";
import { hostName } from "../runtime/host_name.ts";
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

/** A program that was started with a lock, as its owner. */
export function programOwner(pid: number, label: string): RecordedOwner {
  const { startTime, namespace, timeNamespace } = processIdentity(pid);
  return { pid, host: hostName(), label, started: startTime, namespace, timeNamespace };
}

/**
 * Who holds a file: who is entered in it, unless that one is dead; else the process that took the
 * lock by the kernel's list. Nobody of a file that has other contents than a record.
 */
export function ownerOf(file: LockFile): Owner | undefined {
  const { ours, owner } = readRecord(file);
  if (!ours) return undefined;
  if (file.fd === undefined) return publicPart(owner);
  if (owner !== undefined && !isDead(owner)) return publicPart(owner);
  const [pid] = file.mechanism === "flock" ? flockHolders(file.id) ?? [] : [];
  return pid === undefined ? undefined : { pid, host: hostName() };
}

/** The error of a wait for a file that ran out of time. */
export function lateError(file: LockFile): DOMException {
  return timeoutError(
    `Cannot lock "${file.path}" in time: ${describeOwner(ownerOf(file))} holds it`,
  );
}

function isDead(owner: RecordedOwner): boolean {
  const { pid, thread = pid, started = 0, namespace = 0, timeNamespace = 0, host } = owner;
  return host === hostName() &&
    isGone({ pid, thread, startTime: started, namespace, timeNamespace });
}
