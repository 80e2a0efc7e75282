import { adapter } from "../adapters/adapter.ts";
import { LIBC_NAMES } from "../adapters/libraries.ts";
import type { HelperThread } from "../adapters/port.ts";
import { addressOfFunction, libc } from "../c/libc.ts";
import { workingDirectoryBy } from "../files/absolute_path.ts";
import { isOpen } from "../files/descriptors.ts";
import { isUtf8 } from "../paths/path_bytes.ts";
import { HELPER_PROGRAM } from "./helper_program.ts";

/**
 * The descriptors and threads that must be free before a helper is started. For a helper, Deno
 * opens 8 descriptors, Node 6 and Bun 3, and Deno and Bun start up to two threads. Four helpers may
 * be starting at a time, and other threads open files meanwhile.
 */
const DESCRIPTORS = 64;
const THREADS = 8;
/** The number of descriptors that are checked. */
const MOST_LOOKED_AT = 4096;
/** The shortest time from a refused start to the next try, in milliseconds. */
const RETRY_MS = 1000;

const RLIMIT_NOFILE = 7;

/** The libraries to search: glibc before 2.34 has a separate library for threads. */
const LIBRARIES = [...LIBC_NAMES, "libpthread.so.0"];
const SIGNATURES = {
  pthread_create: { parameters: ["bytes", "pointer", "pointer", "pointer"], result: "i32" },
  pthread_join: { parameters: ["pointer", "pointer"], result: "i32" },
  sem_init: { parameters: ["bytes", "i32", "u32"], result: "i32" },
  sem_post: { parameters: ["bytes"], result: "i32" },
} as const;
/** A `sem_t`, which outlives the threads that wait for it. Some pages have no shared memory. */
let semaphore: Uint8Array | undefined;

let refusedAt = -Infinity;

/**
 * Starts a helper thread; `undefined` if none can be started now: a permission is missing, or too
 * few descriptors or threads are free, in which case Deno and Bun would end the process. The caller
 * must manage without a helper then, and after `onEnd`.
 *
 * @param onEnd Called once, when the thread has failed or ended.
 * @param program The URL of its module. The default is a `data:` URL: no file that a bundler, a
 * compiler or a registry leaves out, and none that needs a permission to read.
 */
export function startHelper(
  onEnd: () => void,
  program: string = HELPER_PROGRAM,
): HelperThread | undefined {
  if (performance.now() - refusedAt < RETRY_MS) return undefined;
  try {
    if (hasNamedFolder() && hasFreeDescriptors(DESCRIPTORS) && hasFreeThreads(THREADS)) {
      const thread = adapter.spawnHelper(new URL(program));
      let isThere = true;
      thread.onEnd(() => {
        if (isThere) onEnd();
        isThere = false;
      });
      return thread;
    }
  } catch {
    // The limits cannot be checked, or the start failed: there is no helper.
  }
  refusedAt = performance.now();
  return undefined;
}

/**
 * Whether the working directory has a name for Deno (2.9), which asks for it as a worker starts. If
 * it was removed or its name is not UTF-8, Deno reports an error on the standard error output.
 */
function hasNamedFolder(): boolean {
  if (adapter.name !== "deno") return true;
  const folder = workingDirectoryBy(libc.getcwd);
  return folder !== undefined && isUtf8(folder);
}

/**
 * Whether this process can open `count` files. Opens none: another thread may need the last one.
 */
export function hasFreeDescriptors(count: number): boolean {
  const limit = new BigUint64Array(2);
  if (libc.getrlimit(RLIMIT_NOFILE, new Uint8Array(limit.buffer)) !== 0) return false;
  // From the top, since the system gives out the lowest free number.
  const top = Number(limit[0] < 0x7fffffffn ? limit[0] : 0x7fffffffn) - 1;
  let free = 0;
  for (let fd = top; fd >= 0 && fd > top - MOST_LOOKED_AT; fd--) {
    if (!isOpen(fd) && ++free >= count) return true;
  }
  return false;
}

/**
 * Whether this user may start `count` threads (RLIMIT_NPROC, pids.max of a control group). There is
 * no number to read, so it starts and ends them.
 */
export function hasFreeThreads(count: number): boolean {
  const { pthread_create, pthread_join, sem_init, sem_post } = adapter.bind(SIGNATURES, LIBRARIES);
  semaphore ??= new Uint8Array(new SharedArrayBuffer(32));
  if (sem_init(semaphore, 0, 0) !== 0) return false;
  // SAFETY: sem_wait(3) takes a pointer, as a thread's start function does, and its result is not
  // read. The threads run no JavaScript, and are joined before this returns.
  const wait = addressOfFunction("sem_wait");
  if (wait === 0) return false;
  const address = adapter.addressOf(semaphore);
  const thread = new BigUint64Array(1);
  const bytes = new Uint8Array(thread.buffer);
  const threads: number[] = [];
  try {
    while (threads.length < count && pthread_create(bytes, 0, wait, address) === 0) {
      threads.push(Number(thread[0]));
    }
  } finally {
    for (const _ of threads) sem_post(semaphore);
    for (const id of threads) pthread_join(id, 0);
  }
  return threads.length === count;
}
