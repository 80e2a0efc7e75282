import { adapter } from "../adapters/adapter.ts";
import { errno, ESRCH } from "../c/errno.ts";
import { libc } from "../c/libc.ts";
import { inodeOf } from "../files/file_status.ts";
import { readAllOfProc, readProc } from "../files/open_file.ts";

/**
 * The identity of a thread, different from that of any other thread of this machine, earlier or
 * later. A part that could not be read is 0. See proc(5), pid_namespaces(7), time_namespaces(7).
 */
export interface ThreadIdentity {
  readonly pid: number;
  readonly thread: number;
  /** When the thread started, in clock ticks since boot: a reused number has a later start. */
  readonly startTime: number;
  /** The inode of its PID namespace; in another one, its numbers mean nothing. */
  readonly namespace: number;
  /** The inode of its time namespace; in another one, its start time means nothing. */
  readonly timeNamespace: number;
}

/** In the flags of a thread: it ends. */
const PF_EXITING = 0x4;
/** In place of a number or an id that could not be read. */
const UNKNOWN = 0;
/** In place of a time namespace on a kernel that has none (before 5.6). */
const NO_TIME_NAMESPACES = 1;

/** What `/proc/.../stat` says of a thread. */
interface Stat {
  readonly id: number;
  readonly state: string;
  readonly startTime: number;
  /** Whether it has any memory. */
  readonly hasMemory: boolean;
  readonly flags: number;
}

/** Parses `/proc/.../stat`, whose second field may contain anything. */
function parseStat(stat: string | undefined): Stat | undefined {
  if (stat === undefined) return undefined;
  const rest = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [id, startTime] = [parseInt(stat), Number(rest[19])];
  if (!(id > 0 && startTime > 0)) return undefined;
  const [state, flags] = [rest[0], Number(rest[6])];
  return { id, state, startTime, hasMemory: rest[20] !== "0", flags };
}

/** The inode of a namespace of this thread; `missing` if there is no such file. */
function namespaceOf(kind: string, missing: number): number {
  try {
    return inodeOf(`/proc/thread-self/ns/${kind}`) ?? missing;
  } catch {
    return UNKNOWN;
  }
}

let ofThisThread: ThreadIdentity | undefined;
let procIsOurs = false;
/** Whether this /proc tells of memory at all. */
let showsMemory = false;

/**
 * This thread.
 *
 * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
 */
export function threadIdentity(): ThreadIdentity {
  if (ofThisThread !== undefined) return ofThisThread;
  const pid = libc.getpid();
  const thread = libc.gettid();
  const stat = parseStat(readProc("/proc/thread-self/stat"));
  // In the /proc of another PID namespace, threads have other numbers.
  procIsOurs = stat?.id === thread;
  showsMemory = stat?.hasMemory ?? false;
  const startTime = stat?.startTime ?? UNKNOWN;
  const namespace = namespaceOf("pid", UNKNOWN);
  // Without a /proc, a missing file proves nothing.
  const timeNamespace = namespaceOf("time", namespace && NO_TIME_NAMESPACES);
  const identity = { pid, thread, startTime, namespace, timeNamespace };
  // What is unknown may be readable later, for example when descriptors are free again.
  if (startTime !== UNKNOWN && namespace !== UNKNOWN) ofThisThread = identity;
  return identity;
}

/** The first thread of another process of this namespace, which runs or waits to be reaped. */
export function processIdentity(pid: number): ThreadIdentity {
  const startTime = parseStat(readProc(`/proc/${pid}/stat`))?.startTime ?? UNKNOWN;
  return { ...threadIdentity(), pid, thread: pid, startTime };
}

/**
 * Whether a thread is certainly gone: the kernel has no thread of its number, or one with another
 * start time, or one that has ended and waits to be reaped, or one that ends: it has lost its memory,
 * and runs none of its program any more. The kernel takes milliseconds to free the memory of a
 * process. False if something is unknown, such as the PID namespace of its number or the time
 * namespace of its start time.
 */
export function isGone(them: ThreadIdentity): boolean {
  const { pid, thread, startTime, namespace, timeNamespace } = them;
  const me = threadIdentity();
  if (namespace === UNKNOWN || namespace !== me.namespace) return false;
  if (!threadIsThere(pid, thread)) return true;
  if (!procIsOurs) return false;
  const found = statOf(pid, thread);
  if (found === undefined) return false;
  if (hasEnded(found)) return true;
  const mayCompare = startTime !== UNKNOWN && timeNamespace !== UNKNOWN &&
    timeNamespace === me.timeNamespace;
  return mayCompare && found.startTime !== startTime;
}

/**
 * Whether a thread of these numbers, which may have started at any time, certainly runs its program.
 * False if something is unknown.
 */
export function isRunning({ pid, thread, namespace }: ThreadIdentity): boolean {
  const me = threadIdentity(); // It finds out whether /proc is of this namespace.
  if (namespace === UNKNOWN || namespace !== me.namespace || !procIsOurs) return false;
  const found = statOf(pid, thread);
  return found !== undefined && !hasEnded(found) && (found.flags & PF_EXITING) === 0;
}

function statOf(pid: number, thread: number): Stat | undefined {
  return parseStat(readProc(`/proc/${pid}/task/${thread}/stat`));
}

function hasEnded({ state, hasMemory }: Stat): boolean {
  return state === "Z" || state === "X" || (showsMemory && !hasMemory);
}

/** Whether the system has a thread of this number, even one whose /proc may not be read. */
export function threadIsThere(pid: number, thread: number): boolean {
  return libc.tgkill(pid, thread, 0) === 0 || errno() !== ESRCH;
}

/**
 * The command line of the process of a thread, without the passwords of addresses; `undefined` if
 * this /proc does not show the process under its number, or may not be read.
 */
export function commandLineOf({ pid, namespace }: ThreadIdentity): string | undefined {
  const me = threadIdentity(); // It finds out whether /proc is of this namespace.
  if (namespace === UNKNOWN || namespace !== me.namespace || !procIsOurs) return undefined;
  return readAllOfProc(`/proc/${pid}/cmdline`)
    // Up to the last "@" of the argument, as a URL is read: a password can contain spaces and "@".
    ?.replaceAll(/(\w:\/\/[^\0/?#:]*:)[^\0/?#]*@/g, "$1***@")
    .replaceAll("\0", " ").trim() || undefined;
}

/** The number of this user. */
export function userId(): number {
  return libc.getuid();
}

/** This runtime and its version, such as `deno 2.9.6`. */
export function runtimeName(): string {
  return `${adapter.name} ${adapter.version}`;
}
