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

/** A unique name of one object, which its requests and its wake channel have. */
export function newClient(): string {
  return crypto.randomUUID().replaceAll("-", "");
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
    const owner = JSON.parse(text) as Owner;
    return typeof owner.pid === "number" ? { ...owner, ...since && { since } } : undefined;
  } catch {
    return undefined;
  }
}
