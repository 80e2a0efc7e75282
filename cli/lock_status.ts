import { describeOwner } from "../src/contract/owner.ts";
import { capabilitiesOf } from "../src/files/capabilities.ts";
import { ownerOf } from "../src/files/lock_owner.ts";
import { flockHolders } from "../src/runtime/file_locks/lock_holders.ts";
import { print } from "../src/host/interruption.ts";
import { lookAt, openTarget } from "./lock_target.ts";

/** Shows the holder of a file without creating it; returns 0 if the file is free, else 1. */
export async function showStatus(path: string): Promise<number> {
  if (lookAt(path) === null) {
    await print(`${path}: free; the file does not exist`);
    return 0;
  }
  const target = openTarget(path);
  const { file } = target;
  const { network, writable } = capabilitiesOf(file);
  const owner = ownerOf(file);
  // If the kernel names no holder, try to acquire it for a moment: the holder may be on another
  // machine.
  const holders = file.fd === undefined ? [] : flockHolders(file.id) ?? [];
  let free = false;
  try {
    free = holders.length === 0 && target.tryTake(false);
  } finally {
    target.close(new Error("closed"));
  }
  const [pid] = holders;
  const known = owner ?? (pid === undefined ? undefined : { pid });
  const notes = [
    free ? "free" : `held by ${describeOwner(known)}`,
    network && `on ${network}, which may not show this lock to other machines`,
    !writable && "read-only, so there is no record of the holder",
  ];
  await print(`${path}: ${notes.filter(Boolean).join("; ")}`);
  return free ? 0 : 1;
}
