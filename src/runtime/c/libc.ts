import { UnsupportedError } from "../../contract/errors.ts";
import { adapter } from "../adapters/adapter.ts";
import type { CFunctions, CSignatures } from "../adapters/port.ts";
import { EINTR } from "./constants.ts";

/**
 * The C functions that the library calls.
 *
 * SAFETY: a signature must be that of the C function, and an argument of type `bytes` as long as
 * the function reads or writes. `open`, `fcntl` and `syscall` are variadic in C; on Linux (x86-64,
 * arm64), integers and pointers are passed as by a fixed signature. Results that stay below 2^31 in
 * all calls here are declared as 32 bits, since 64 bits cost a bigint in Deno and Node.
 */
const SIGNATURES = {
  __cxa_thread_atexit_impl: { parameters: ["pointer", "pointer", "pointer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
  clock_gettime: { parameters: ["i32", "bytes"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  dlsym: { parameters: ["pointer", "bytes"], result: "pointer" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  execve: { parameters: ["bytes", "pointer", "pointer"], result: "i32" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "bytes"], result: "i32" },
  fdatasync: { parameters: ["i32"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  fstatfs: { parameters: ["i32", "bytes"], result: "i32" },
  fsync: { parameters: ["i32"], result: "i32" },
  getcwd: { parameters: ["bytes", "i64"], result: "pointer" },
  getdents64: { parameters: ["i32", "bytes", "i64"], result: "i32" },
  getenv: { parameters: ["bytes"], result: "pointer" },
  getgid: { parameters: [], result: "u32" },
  gethostname: { parameters: ["bytes", "i64"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  gettid: { parameters: [], result: "i32" },
  getrlimit: { parameters: ["i32", "bytes"], result: "i32" },
  getuid: { parameters: [], result: "u32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  linkat: { parameters: ["i32", "bytes", "i32", "bytes", "i32"], result: "i32" },
  mkdir: { parameters: ["bytes", "u32"], result: "i32" },
  mmap: { parameters: ["pointer", "i64", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "i64"], result: "i32" },
  open: { parameters: ["bytes", "i32", "i32"], result: "i32" },
  poll: { parameters: ["bytes", "i64", "i32"], result: "i32" },
  posix_fallocate: { parameters: ["i32", "i64", "i64"], result: "i32" },
  // The third parameter are the actions on files; 0 for none.
  posix_spawn: {
    parameters: ["bytes", "bytes", "pointer", "bytes", "pointer", "pointer"],
    result: "i32",
  },
  pread: { parameters: ["i32", "bytes", "i64", "i64"], result: "i32" },
  prctl: { parameters: ["i32", "i64", "i64", "i64", "i64"], result: "i32" },
  pwrite: { parameters: ["i32", "bytes", "i64", "i64"], result: "i32" },
  read: { parameters: ["i32", "bytes", "i64"], result: "i32" },
  readlink: { parameters: ["bytes", "bytes", "i64"], result: "i32" },
  realpath: { parameters: ["bytes", "bytes"], result: "pointer" },
  renameat2: { parameters: ["i32", "bytes", "i32", "bytes", "u32"], result: "i32" },
  rename: { parameters: ["bytes", "bytes"], result: "i32" },
  sched_yield: { parameters: [], result: "i32" },
  setrlimit: { parameters: ["i32", "bytes"], result: "i32" },
  sigaction: { parameters: ["i32", "bytes", "bytes"], result: "i32" },
  sigprocmask: { parameters: ["i32", "bytes", "pointer"], result: "i32" },
  statx: { parameters: ["i32", "bytes", "i32", "u32", "bytes"], result: "i32" },
  strlen: { parameters: ["pointer"], result: "i64" },
  // The longest call here is futex(2): number, word, operation, value, timeout.
  syscall: { parameters: ["i64", "pointer", "i32", "u32", "bytes"], result: "i32" },
  tgkill: { parameters: ["i32", "i32", "i32"], result: "i32" },
  timer_create: { parameters: ["i32", "bytes", "bytes"], result: "i32" },
  timer_settime: { parameters: ["pointer", "i32", "bytes", "pointer"], result: "i32" },
  unlink: { parameters: ["bytes"], result: "i32" },
  waitpid: { parameters: ["i32", "bytes", "i32"], result: "i32" },
  write: { parameters: ["i32", "bytes", "i64"], result: "i32" },
} as const;

type Libc = CFunctions<typeof SIGNATURES>;

/**
 * The numbers of the system calls, for x64 and arm64, whose functions some C libraries lack: no
 * musl has `tgkill`, and older ones have none of these.
 */
const SYSTEM_CALLS = {
  getdents64: [217, 61],
  renameat2: [316, 276],
  statx: [332, 291],
  tgkill: [234, 131],
} as const;

/**
 * The C library of this thread. Each function is bound at its first use, since a binding takes
 * Deno 0.2 ms.
 *
 * @throws {UnsupportedError} If foreign functions are missing or not permitted.
 */
// SAFETY: the getters below provide each function of the type.
export const libc: Libc = {} as Libc;

/**
 * The calls that are repeated here if a signal interrupts them, above all on network file systems.
 * Not close(2), which closes the descriptor even then. Callers repeat the other calls themselves:
 * flock(2) and fcntl(2), since a signal ends their waits, and the calls of hot paths (pread,
 * pwrite, statx), since a function around them would slow them down.
 */
const REPEATED: ReadonlySet<string> = new Set<keyof typeof SIGNATURES>([
  "dup3",
  "fchmod",
  "fchown",
  "fdatasync",
  "fstatfs",
  "fsync",
  "getdents64",
  "linkat",
  "mkdir",
  "open",
  "read",
  "rename",
  "renameat2",
  "unlink",
  "write",
]);

type Call = (...args: unknown[]) => number;

/** Whether a signal interrupted the C call that returned `result`, so that it must be repeated. */
export function interrupted(result: number): boolean {
  return result === -1 && errnoView()[0] === EINTR;
}

/** A call that is repeated as long as signals interrupt it. */
function repeated(call: Call, parameters: number): Call {
  const until = (attempt: () => number) => {
    let result: number;
    do result = attempt(); while (interrupted(result));
    return result;
  };
  switch (parameters) { // Of fixed length, since a spread costs as much as the system call.
    case 1:
      return (a) => until(() => call(a));
    case 2:
      return (a, b) => until(() => call(a, b));
    case 3:
      return (a, b, c) => until(() => call(a, b, c));
    default:
      return (...args) => until(() => call(...args));
  }
}

/** The address of a function of the C library; 0 if there is none of this name. */
export function addressOfFunction(name: string): number {
  return libc.dlsym(0, new TextEncoder().encode(`${name}\0`));
}

const ERRNO = "__errno_location";
let view: Int32Array | undefined;

/** A view of the error number of this thread's last failed C call. */
export function errnoView(): Int32Array {
  // SAFETY: the number of a thread has one address as long as the thread runs.
  return view ??= new Int32Array(adapter.bufferAt(libc[ERRNO](), 4));
}

/** A system call whose function the C library may lack, with the parameters of that function. */
export function systemCall(name: keyof typeof SYSTEM_CALLS): Call {
  const { parameters, result } = SIGNATURES[name];
  const number = SYSTEM_CALLS[name][adapter.arch === "arm64" ? 1 : 0];
  // SAFETY: on 64-bit systems, the system call takes the parameters of the function.
  const { syscall } = adapter.bind({
    syscall: { parameters: ["i64", ...parameters], result },
  });
  return (...args) => Reflect.apply(syscall, undefined, [number, ...args]);
}

const hasSystemCall = (name: keyof Libc): name is keyof typeof SYSTEM_CALLS =>
  Object.hasOwn(SYSTEM_CALLS, name);

function find(name: keyof Libc): Call {
  try {
    return adapter.bind({ [name]: SIGNATURES[name] })[name] as Call;
  } catch (error) {
    if (!(error instanceof UnsupportedError) || !hasSystemCall(name)) throw error;
    return systemCall(name);
  }
}

function bound(name: keyof Libc): unknown {
  // Bound before any call that may fail, since the binding itself may change the number.
  if (name !== ERRNO) errnoView();
  return define(name, find(name));
}

function define(name: keyof Libc, found: Call): Call {
  const value = REPEATED.has(name) ? repeated(found, SIGNATURES[name].parameters.length) : found;
  Object.defineProperty(libc, name, { value });
  return value;
}

/**
 * Binds functions that a program is about to call a few times, all at once: Deno takes 0.6 ms for
 * each call of `dlopen`, whatever it binds.
 */
export function bindTogether(names: readonly (keyof Libc)[]): void {
  const missing = [ERRNO, ...names] as const;
  const signatures: CSignatures = Object.fromEntries(
    missing.map((name) => [name, SIGNATURES[name]]),
  );
  let found: CFunctions<CSignatures>;
  try {
    found = adapter.bind(signatures, undefined, true);
  } catch (error) {
    // The C library lacks one of them: each is bound by itself when it is called.
    if (error instanceof UnsupportedError) return;
    throw error;
  }
  for (const name of missing) define(name, found[name] as Call);
}

for (const name of Object.keys(SIGNATURES) as (keyof Libc)[]) {
  Object.defineProperty(libc, name, { configurable: true, get: () => bound(name) });
}
