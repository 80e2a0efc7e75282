import { adapter } from "../src/runtime/adapters/adapter.ts";
import { missingPermission } from "../src/runtime/adapters/missing_permission.ts";
import { bindTogether } from "../src/runtime/c/libc.ts";
import { UsageError } from "../src/host/usage_error.ts";
import { givenArguments } from "../src/runtime/programs/caller.ts";
import { endProcess } from "../src/runtime/programs/exec.ts";
import { type LockTask, parseLock } from "./lock_options.ts";
import { lockDescriptor, runLocked } from "./locked_run.ts";
import { say } from "./output.ts";

/**
 * Runs `interlock lock`, which scripts call often. So it loads no packages, no modules of the
 * runtime and no other commands, and does not use the event loop; what is seldom needed is imported
 * then.
 *
 * @returns The exit status; `undefined` if the help or the version is asked for.
 */
export async function lock(): Promise<number | undefined> {
  try {
    const mayCallC = adapter.mayCallC();
    if (mayCallC) bindTogether(CALLED);
    const task = parseLock((mayCallC ? givenArguments() : adapter.args).slice(1));
    if (task.kind === "ask") return undefined;
    if (task.kind === "status") {
      return await (await import("./lock_status.ts")).showStatus(task.path, task.json);
    }
    return mayCallC ? run(task) : await (await import("./lock_elsewhere.ts")).runElsewhere(task);
  } catch (error) {
    say(missingPermission(error) ?? (error as Error).message);
    return error instanceof UsageError ? 2 : 1;
  }
}

function run(task: Extract<LockTask, { kind: "descriptor" | "run" }>): number {
  return task.kind === "run"
    ? runLocked(task.file, task.run)
    : lockDescriptor(task.fd, task.options);
}

/** Ends this process at once: what the runtimes clean up first is gone with the process. */
export function end(status: number): never {
  if (adapter.mayCallC()) endProcess(status);
  return adapter.exit(status);
}

/** The functions of C that most runs call. */
const CALLED = [
  "close",
  "dlsym",
  "flock",
  "getdents64",
  "gethostname",
  "getpid",
  "gettid",
  "open",
  "poll",
  "posix_spawn",
  "pread",
  "pwrite",
  "read",
  "readlink",
  "setrlimit",
  "sigaction",
  "statx",
  "syscall",
  "waitpid",
] as const;
