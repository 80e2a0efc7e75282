import type { Owner } from "../contract/owner.ts";
import { O_NOCTTY, O_RDONLY } from "../runtime/c/constants.ts";
import { DescriptorLockFile } from "../runtime/file_locks/descriptor_lock_file.ts";
import { flocksOf, type ListedFlock } from "../runtime/file_locks/lock_holders.ts";
import { networkFileSystem } from "../runtime/files/file_status.ts";
import { openFile } from "../runtime/files/open_file.ts";
import {
  commandLineOf,
  processIdentity,
  threadIdentity,
} from "../runtime/identity/thread_identity.ts";
import { isDead, ownerOf, programOf } from "./lock_owner.ts";
import { publicPart, readRecord } from "./lock_record.ts";

/** A process that holds a lock file or waits for it. */
export interface InspectedProcess {
  readonly owner: Owner;
  /** Its command line; `undefined` if it is in another PID namespace, or may not be seen. */
  readonly command: string | undefined;
}

/** A lock file, as its record and the kernel's list of locks show it. */
export interface InspectedLockFile {
  readonly path: string;
  /**
   * `dead` if its holder died: the lock is free, and the next holder recovers it. `unknown` if this
   * process cannot see whether it is held.
   */
  readonly state: "free" | "held" | "shared" | "dead" | "unknown";
  readonly holders: readonly InspectedProcess[];
  /** Processes that the kernel blocks until they hold it; not those that try again and again. */
  readonly waiters: readonly (InspectedProcess & { readonly isShared: boolean })[];
  /** The last fencing token; `undefined` if the file has no record. */
  readonly token: number | undefined;
  /** Why the state is unknown. */
  readonly reason?: string;
}

/** The first PID namespace of a machine, whose /proc/locks lists all holders. */
const FIRST_NAMESPACE = 0xeffffffc;

/**
 * Reads who holds a lock file and who waits for it, without the lock and without a write.
 *
 * @throws {Error} With the `code` of the system: no such file, no permission.
 */
export function inspectLockFile(path: string): InspectedLockFile {
  const file = new DescriptorLockFile(openFile(path, O_RDONLY | O_NOCTTY), path);
  try {
    const { owner: recorded, token } = readRecord(file);
    const owner = ownerOf(file);
    const listed = flocksOf(file);
    const processOf = ({ pid }: Pick<ListedFlock, "pid">, known?: Owner): InspectedProcess => ({
      owner: known ?? { pid },
      command: commandLineOf(processIdentity(pid)),
    });
    const waiters = (listed ?? []).filter(({ isWaiter }) => isWaiter)
      .map((waiter) => ({ ...processOf(waiter), isShared: waiter.isShared }));
    const found = (listed ?? []).filter(({ isWaiter }) => !isWaiter);
    const same = { path, waiters, token };
    const isShared = found[0]?.isShared ?? false;
    if (isShared) return { ...same, state: "shared", holders: found.map((one) => processOf(one)) };
    // Not in the list of another PID namespace once the process that acquired the lock has ended.
    const program = programOf(file, recorded);
    const pids = program === undefined ? found : [{ pid: program }];
    if (pids.length > 0) {
      return { ...same, state: "held", holders: pids.map((one) => processOf(one, owner)) };
    }
    const seesAll = threadIdentity().namespace === FIRST_NAMESPACE;
    // The program may be that of another user, whose descriptors cannot be read.
    const mayBeInherited = recorded?.descriptor !== undefined && !seesAll;
    if (recorded !== undefined && !mayBeInherited && isDead(recorded)) {
      const again = readRecord(file); // It may have released the lock, and ended since.
      const isSame = again.owner !== undefined && again.token === token;
      const holders = isSame ? [{ owner: publicPart(recorded)!, command: undefined }] : [];
      return { ...same, state: isSame ? "dead" : "free", holders };
    }
    const network = networkFileSystem(file.fd);
    const hidden = listed === undefined
      ? "/proc/locks cannot be read"
      : network !== undefined
      ? `it is on ${network}, and a holder may be on another machine`
      : !seesAll
      ? "a holder may be in another PID namespace, of another container"
      : undefined;
    if (hidden === undefined) return { ...same, state: "free", holders: [] };
    const holders = recorded === undefined
      ? []
      : [{ owner: publicPart(recorded)!, command: undefined }];
    return { ...same, state: "unknown", holders, reason: hidden };
  } finally {
    file.close();
  }
}
