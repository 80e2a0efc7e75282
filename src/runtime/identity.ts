import { adapter } from "./adapter.ts";
import { closeFile, inodeOf, O_RDONLY, tryOpen } from "./files.ts";
import { errno, ESRCH } from "./errno.ts";
import { libc } from "./libc.ts";

/**
 * Who a thread is: enough to tell it from every other, before and after it, on this machine. See
 * proc(5), pid_namespaces(7).
 */
export interface ThreadIdentity {
  readonly pid: number;
  readonly thread: number;
  /** When the thread started, in clock ticks since boot: a number used again starts later. */
  readonly startTime: number;
  /** The inode of its PID namespace; in another one its numbers mean nothing. */
  readonly namespace: number;
}

const text = new TextDecoder("latin1");
const buffer = new Uint8Array(4096);

/** The beginning of a file of `/proc`; `undefined` where there is none, or no more. */
export function readProc(path: string): string | undefined {
  const fd = tryOpen(path, O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    const length = libc.read(fd, buffer, buffer.length);
    return length < 0 ? undefined : text.decode(buffer.subarray(0, length));
  } finally {
    closeFile(fd);
  }
}

/** Number, state and start time by `/proc/.../stat`, whose second field may contain anything. */
function parseStat(
  stat: string,
): { readonly id: number; readonly state: string; readonly startTime: number } {
  const rest = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { id: parseInt(stat), state: rest[0], startTime: Number(rest[19]) };
}

let ofThisThread: ThreadIdentity | undefined;
let procIsOurs = false;

/**
 * This thread.
 *
 * @throws {UnsupportedError} If the runtime lacks foreign functions or the right to use them.
 */
export function threadIdentity(): ThreadIdentity {
  if (ofThisThread !== undefined) return ofThisThread;
  const pid = libc.getpid();
  const thread = libc.gettid();
  const stat = readProc("/proc/thread-self/stat");
  const { id, startTime } = stat === undefined ? { id: 0, startTime: 0 } : parseStat(stat);
  // A /proc of another PID namespace numbers the threads otherwise.
  procIsOurs = id === thread;
  const namespace = inodeOf("/proc/thread-self/ns/pid") ?? 0;
  return ofThisThread = { pid, thread, startTime, namespace };
}

/** The first thread of another process of this namespace, running or not reaped yet. */
export function processIdentity(pid: number): ThreadIdentity {
  const stat = readProc(`/proc/${pid}/stat`);
  const startTime = stat === undefined ? 0 : parseStat(stat).startTime;
  return { ...threadIdentity(), pid, thread: pid, startTime };
}

/**
 * Whether a thread is gone for certain: there is none of its number, or one that started at another
 * time, or one that has ended and waits to be reaped. Whatever cannot be looked at is not gone.
 */
export function isGone({ pid, thread, startTime, namespace }: ThreadIdentity): boolean {
  const me = threadIdentity();
  if (namespace === 0 || namespace !== me.namespace) return false;
  if (!procIsOurs) return !threadIsThere(pid, thread);
  const stat = readProc(`/proc/${pid}/task/${thread}/stat`);
  if (stat === undefined || stat === "") return !threadIsThere(pid, thread);
  const found = parseStat(stat);
  return found.startTime !== startTime || found.state === "Z" || found.state === "X";
}

/** Whether the system knows a thread of this number; also one whose /proc may not be read. */
export function threadIsThere(pid: number, thread: number): boolean {
  return libc.tgkill(pid, thread, 0) === 0 || errno() !== ESRCH;
}

/** The number of this user. */
export function userId(): number {
  return libc.getuid();
}

let boot: Uint8Array | undefined;

/** The 16 bytes that name this boot of the machine; zeros where the system has no name for it. */
export function bootId(): Uint8Array {
  if (boot !== undefined) return boot;
  const hex = readProc("/proc/sys/kernel/random/boot_id")?.trim().replaceAll("-", "") ?? "";
  boot = new Uint8Array(16);
  for (let i = 0; i < 16; i++) boot[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16) || 0;
  return boot;
}

/** This runtime and its version, such as `deno 2.9.6`. */
export function runtimeName(): string {
  return `${adapter.name} ${adapter.version}`;
}
