import { adapter } from "../runtime/adapters/adapter.ts";
import { hostName } from "../runtime/identity/machine.ts";
import { runtimeName } from "../runtime/identity/thread_identity.ts";

/** This process as the owner of a lock, as JSON: for people and logs. */
export function thisOwner(label: string | undefined): string {
  const host = adapter.mayCallC() ? hostName() : undefined;
  return JSON.stringify({ pid: adapter.pid, host, runtime: runtimeName(), label });
}
