import type { Owner } from "../contract/owner.ts";
import { adapter } from "../runtime/adapter.ts";
import { isGone, runtimeName, threadIdentity } from "../runtime/identity.ts";
import type { LockFile } from "../runtime/lock_file.ts";
import { flockHolders } from "../runtime/lock_holders.ts";
import { hostName } from "../runtime/host_name.ts";
import { publicPart, readRecord, type RecordedOwner } from "./lock_record.ts";

/** This thread as the owner of a lock. */
export function thisOwner(file: LockFile, label: string | undefined): RecordedOwner {
  const labelled = label === undefined ? {} : { label };
  if (file.fd === undefined) return { pid: adapter.pid, runtime: runtimeName(), ...labelled };
  const { pid, thread, startTime, namespace } = threadIdentity();
  return {
    pid,
    thread,
    host: hostName(),
    runtime: runtimeName(),
    ...labelled,
    started: startTime,
    namespace,
  };
}

/**
 * Who holds a file: what its record says, if the kernel does not say otherwise; else the process
 * that the kernel names. Nobody of a file that has other contents than a record.
 */
export function ownerOf(file: LockFile): Owner | undefined {
  const { ours, owner } = readRecord(file);
  if (!ours) return undefined;
  if (file.fd === undefined) return publicPart(owner);
  if (owner !== undefined && owner.host !== hostName()) return publicPart(owner);
  const holders = file.mechanism === "flock" ? flockHolders(file.id) ?? [] : [];
  if (owner !== undefined && (holders.length === 0 || holders.includes(owner.pid))) {
    return isDead(owner) ? undefined : publicPart(owner);
  }
  return holders.length > 0 ? { pid: holders[0], host: hostName() } : undefined;
}

function isDead({ pid, thread = pid, started = 0, namespace = 0 }: RecordedOwner): boolean {
  return isGone({ pid, thread, startTime: started, namespace });
}
