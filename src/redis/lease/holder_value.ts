import type { Owner } from "../../contract/owner.ts";
import { adapter } from "../../runtime/adapters/adapter.ts";
import { hostName } from "../../runtime/identity/machine.ts";
import { runtimeName } from "../../runtime/identity/thread_identity.ts";

/** The value of the key `lock` while the lock is shared. */
export const SHARED = "r";

/** This process as the owner of a lock, as JSON: for people and logs. */
export function thisOwner(label: string | undefined): string {
  const host = adapter.mayCallC() ? hostName() : undefined;
  return JSON.stringify({ pid: adapter.pid, host, runtime: runtimeName(), label });
}

/** A unique value, with its owner for others to read. */
export function valueOf(client: string, number: number, owner: string): string {
  return `${client}:${number} ${owner}`;
}

/** The owner in a value; `undefined` if another program wrote the value. */
export function ownerIn(value: string | undefined, since?: Date): Owner | undefined {
  const text = value?.slice(value.indexOf(" ") + 1);
  if (text === undefined || !text.startsWith("{")) return undefined;
  try {
    // Another program may have written anything.
    const { pid, host, runtime, label } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== "number") return undefined;
    const texts = Object.entries({ host, runtime, label })
      .filter(([, text]) => typeof text === "string");
    return { pid, ...Object.fromEntries(texts), ...since && { since } };
  } catch {
    return undefined;
  }
}
