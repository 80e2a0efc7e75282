import { describeOwner, type Owner } from "../src/contract/owner.ts";
import { FileLock } from "../src/files/file_lock.ts";
import { ownerOf } from "../src/files/lock_owner.ts";
import { Interruption, print } from "../src/host/interruption.ts";
import { systemErrorOf } from "../src/host/system_error.ts";
import { adapter } from "../src/runtime/adapters/adapter.ts";
import { missingPermission } from "../src/runtime/adapters/missing_permission.ts";
import { O_NOCTTY, O_RDONLY } from "../src/runtime/c/constants.ts";
import { errno, systemError } from "../src/runtime/c/errno.ts";
import { DescriptorLockFile } from "../src/runtime/file_locks/descriptor_lock_file.ts";
import { flockHolders } from "../src/runtime/file_locks/lock_holders.ts";
import { followedStatus, networkFileSystem } from "../src/runtime/files/file_status.ts";
import { tryOpen } from "../src/runtime/files/open_file.ts";
import { say } from "./output.ts";

/** What `--status` tells of a lock file; as JSON with `--json`. */
interface LockStatus {
  readonly path: string;
  /** `unknown` if this user may not look at the file and the system names no holder. */
  readonly state: "free" | "held" | "unknown";
  /** Whether there is a file; missing if this user may not look. */
  readonly exists?: boolean;
  /** The holder, as far as it is known. */
  readonly holder?: Owner;
  /** The network file system that the file is on. */
  readonly network?: string;
  /** Why the state is unknown. */
  readonly reason?: string;
}

const EXIT = { free: 0, held: 1, unknown: 66 } as const;

/** Shows the holder of a file without creating it; returns the exit status. */
export async function showStatus(path: string, json: boolean): Promise<number> {
  const status = await statusOf(path);
  try {
    await print(json ? JSON.stringify(status) : describe(status));
    return EXIT[status.state];
  } catch (error) {
    if (error instanceof Interruption) return error.status;
    say((error as Error).message);
    return EXIT.unknown; // Without a text, 1 would still say that it is held.
  }
}

async function statusOf(path: string): Promise<LockStatus> {
  try {
    return adapter.mayCallC() ? look(path) : await lookElsewhere(path);
  } catch (error) {
    const reason = missingPermission(error) ?? (error as Error).message;
    return { path, state: "unknown", reason };
  }
}

function describe({ path, state, exists, holder, network, reason }: LockStatus): string {
  if (exists === false) return `${path}: free; the file does not exist`;
  const notes = [
    state === "held" ? `held by ${describeOwner(holder)}` : state,
    reason,
    network && `on ${network}, which may not show this lock to other machines`,
  ];
  return `${path}: ${notes.filter(Boolean).join("; ")}`;
}

function look(path: string): LockStatus {
  const fd = tryOpen(path, O_RDONLY | O_NOCTTY);
  if (fd === undefined) return lookFromOutside(path, systemError("open", path, errno()));
  const file = new DescriptorLockFile(fd, path);
  try {
    const network = networkFileSystem(fd);
    const owner = ownerOf(file);
    const [pid] = flockHolders(file) ?? [];
    // If the kernel names no holder, try to acquire it for a moment: the holder may be on another
    // machine, or in another PID namespace.
    const free = pid === undefined && file.tryLock(false);
    const holder = free ? undefined : owner ?? (pid === undefined ? undefined : { pid });
    return { path, state: free ? "free" : "held", exists: true, holder, network };
  } finally {
    file.close();
  }
}

/** The kernel names the holder of a file also to a user who may not open it. */
function lookFromOutside(path: string, failure: Error): LockStatus {
  if ((failure as { code?: string }).code === "ENOENT") {
    return { path, state: "free", exists: false };
  }
  const id = followedStatus(path)?.id;
  const [pid] = id === undefined ? [] : flockHolders({ id }) ?? [];
  return pid === undefined
    ? { path, state: "unknown", reason: failure.message }
    : { path, state: "held", exists: true, holder: { pid } };
}

/** The same without foreign functions. */
async function lookElsewhere(path: string): Promise<LockStatus> {
  const { statSync } = await import("node:fs");
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      return { path, state: "free", exists: false };
    }
  } catch (error) {
    throw systemErrorOf("look at", path, error as Error);
  }
  using lock = new FileLock(path, { record: false });
  const owner = lock.owner();
  using guard = lock.tryAcquire();
  return guard
    ? { path, state: "free", exists: true }
    : { path, state: "held", exists: true, holder: owner };
}
