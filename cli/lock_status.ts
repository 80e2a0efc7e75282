import { describeOwner } from "../src/contract/owner.ts";
import { capabilitiesOf } from "../src/files/capabilities.ts";
import { ownerOf } from "../src/files/lock_owner.ts";
import { flockHolders } from "../src/runtime/lock_holders.ts";
import { print } from "./interruption.ts";
import { lookAt, openTarget } from "./lock_target.ts";

/** Tells who holds a file, which is not made for that; gives 0 where it is free, else 1. */
export async function showStatus(path: string): Promise<number> {
  if (lookAt(path) === null) {
    await print(`${path}: free, there is no such file`);
    return 0;
  }
  const target = openTarget(path);
  const { file } = target;
  const { network, writable } = capabilitiesOf(file);
  const owner = ownerOf(file);
  // Where the kernel names nobody, it is tried, for a moment, as by any other that wants it: the
  // holder may be on another machine.
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
    network && `on ${network}: other machines see this lock as far as that carries it`,
    !writable && "read-only: it has no record",
  ];
  await print(`${path}: ${notes.filter(Boolean).join("; ")}`);
  return free ? 0 : 1;
}
