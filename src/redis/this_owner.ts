import { adapter } from "../runtime/adapter.ts";
import { hostName } from "../runtime/host_name.ts";
import { runtimeName } from "../runtime/identity.ts";

/** This process as the owner of a lock, as JSON: for people and logs. */
export function thisOwner(label: string | undefined): string {
  const host = adapter.mayCallC() ? hostName() : undefined;
  return JSON.stringify({ pid: adapter.pid, host, runtime: runtimeName(), label });
}
