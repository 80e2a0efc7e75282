/**
 * What the process that started this one gave it. The runtimes change their own copies: Bun adds
 * the variables of `.env`, Deno changes PATH, all of them decode arguments as UTF-8, mark inherited
 * descriptors or raise the limit of open files.
 *
 * @module
 */

import { adapter } from "../adapters/adapter.ts";
import { O_DIRECTORY, O_RDWR, O_WRONLY } from "../c/constants.ts";
import { libc } from "../c/libc.ts";
import { flagsOf, isClosedOnExec, openFileOf, STREAMS } from "../files/descriptors.ts";
import { namesIn } from "../files/folders.ts";
import { bytesOfProc, readAllOfProc } from "../files/open_file.ts";
import { ownStatus } from "../identity/own_status.ts";
import { isUtf8, pathOf } from "../paths/path_bytes.ts";

const RLIMIT_NOFILE = 7;

/** The strings of a list that ends each with NUL; `undefined` if it cannot be read. */
function stringsIn(path: string): string[] | undefined {
  const bytes = bytesOfProc(path);
  if (bytes === undefined) return undefined;
  const strings: string[] = [];
  for (let at = 0, end; (end = bytes.indexOf(0, at)) >= 0; at = end + 1) {
    strings.push(pathOf(bytes.subarray(at, end)));
  }
  return strings;
}

/**
 * The arguments of this program after its name, in the form of paths, which keeps bytes that are
 * not UTF-8.
 */
export function givenArguments(): readonly string[] {
  const { args } = adapter;
  const given = args.length === 0 ? [] : stringsIn("/proc/self/cmdline")?.slice(-args.length);
  const isSame = given?.length === args.length &&
    given.every((text, i) => !isUtf8(text) || text === args[i]);
  return isSame ? given : args;
}

/** The environment as `NAME=value`, in the form of paths; `undefined` if it cannot be read. */
export function givenEnvironment(): readonly string[] | undefined {
  return stringsIn("/proc/self/environ");
}

/** The value of a variable; `undefined` if it is not set. */
export function variableIn(environment: readonly string[], name: string): string | undefined {
  return environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/**
 * The descriptors that this process has inherited, without the standard streams; `undefined` without
 * `/proc`. Call it before any file is opened.
 *
 * Deno closes its own on exec, and no other. Bun and Node mark inherited ones, too: their own are
 * the anonymous files of the kernel (eventpoll, eventfd, io_uring), Node's pipes to itself, of which
 * it has both ends, and the folder in which Bun keeps what it compiled, if `NODE_COMPILE_CACHE` is set.
 * A pipe of which this process has inherited both ends, as make(1) passes its job server, is also
 * open in its parent.
 */
export function givenDescriptors(): number[] | undefined {
  const numbers = descriptorsOf("self")?.filter((fd) => !STREAMS.includes(fd));
  if (numbers === undefined) return undefined;
  const given = numbers.filter((fd) => isClosedOnExec(fd) === false);
  if (adapter.name === "deno") return given;
  const links = new Map(
    numbers.filter((fd) => !given.includes(fd)).map((fd) => [fd, openFileOf(fd)]),
  );
  const hasBothEnds = (fd: number, link: string) =>
    [...links].some(([other, its]) => its === link && accessOf(other) !== accessOf(fd));
  let ofParent: ReadonlySet<string | undefined> | undefined;
  for (const [fd, link] of links) {
    // The one that lists them has been closed.
    if (link === undefined || link.startsWith("anon_inode:")) continue;
    if (link.startsWith("pipe:") ? hasBothEnds(fd, link) : isCache(fd, link)) {
      const parent = ownStatus("PPid");
      ofParent ??= new Set(descriptorsOf(parent)?.map((its) => openFileOf(its, parent)));
      if (!ofParent.has(link)) continue;
    }
    given.push(fd);
  }
  return given;
}

/** Whether a descriptor may be that of the folder in which Bun keeps what it compiled. */
function isCache(fd: number, link: string): boolean {
  return adapter.name === "bun" && (flagsOf(fd) & O_DIRECTORY) !== 0 &&
    link.includes(`/v${adapter.version}-`);
}

const accessOf = (fd: number) => flagsOf(fd) & (O_WRONLY | O_RDWR);

/** The numbers of the descriptors of a process; `undefined` if they may not be looked at. */
function descriptorsOf(pid: string | undefined): number[] | undefined {
  try {
    return namesIn(`/proc/${pid}/fd`).map(Number);
  } catch {
    return undefined; // It belongs to another user, has ended, or /proc is not mounted.
  }
}

/**
 * Runs `start` with the caller's limit of open files, which the runtimes raise to the hard limit as
 * they start. The system keeps no trace of that, so the limit is the parent's: another program that
 * the parent started would get it.
 */
export function withFileLimit<T>(start: () => T): T {
  const [own, parent] = [limitsOf("self"), limitsOf(ownStatus("PPid"))];
  if (own === undefined || parent === undefined) return start();
  if (own.soft !== own.hard || parent.soft >= own.hard) return start();
  setFileLimit(parent.soft, own.hard);
  try {
    return start();
  } finally {
    setFileLimit(own.soft, own.hard);
  }
}

function setFileLimit(soft: bigint, hard: bigint): void {
  // SAFETY: a `struct rlimit` has 16 bytes: the soft and the hard limit.
  libc.setrlimit(RLIMIT_NOFILE, new Uint8Array(new BigUint64Array([soft, hard]).buffer));
}

/** The limits of open files of a process; `undefined` if they are unknown, or there are none. */
function limitsOf(pid = "0"): { readonly soft: bigint; readonly hard: bigint } | undefined {
  const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m
    .exec(readAllOfProc(`/proc/${pid}/limits`) ?? "") ?? [];
  return soft === undefined ? undefined : { soft: BigInt(soft), hard: BigInt(hard) };
}
