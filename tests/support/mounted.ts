import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { adapter } from "../../src/runtime/mod.ts";
import { RUN } from "./child.ts";
import { childEnvironment } from "./child_environment.ts";

const UNSHARE = process.getuid?.() === 0 ? ["unshare"] : ["unshare", "--user", "--map-root-user"];

/** The beginning of a command that mounts by a shell script, invisible to other processes. */
export function mounting(script: string): readonly string[] {
  return [...UNSHARE, "--mount", "sh", "-c", `set -e; ${script}\nexec "$@"`, "sh"];
}

/** The beginning of a command whose clock since boot is a day ahead. */
export const IN_OTHER_TIME: readonly string[] = [
  ...UNSHARE,
  "--time",
  "--boottime",
  "86400",
  "--fork",
];

/** The beginning of a command in another PID namespace, which ends with the command. */
export const IN_OTHER_PIDS: readonly string[] = [
  ...UNSHARE,
  "--pid",
  "--mount-proc",
  "--fork",
  "--kill-child",
];

/** The beginning of a command in a container of its own, in which a shell script may mount. */
export function inContainer(script: string): readonly string[] {
  const shell = ["sh", "-c", `set -e; ${script}\nexec "$@"`, "sh"];
  return [...UNSHARE, "--ipc", "--uts", ...IN_OTHER_PIDS.slice(UNSHARE.length), ...shell];
}

/** Why a command cannot begin like that here, for the `skip` of a test; or false. */
export function cannotRunUnder(command: readonly string[]): string | false {
  const { status, stderr, error } = spawnSync(command[0], [...command.slice(1), "true"], {
    encoding: "utf8",
  });
  if (status === 0) return false;
  return `CANNOT RUN ${command[0]} here (${error?.message ?? stderr.trim()}): this was NOT TESTED`;
}

/** Runs a shell script that mounts, invisible to other processes, then a program. It may set traps. */
function run(script: string, program: readonly string[]): ReturnType<typeof spawnSync> {
  const command = [...UNSHARE, "--mount", "sh", "-c", `set -e; ${script}\n"$@"`, "sh", ...program];
  const { env, giveBack } = childEnvironment();
  try {
    return spawnSync(command[0], command.slice(1), { encoding: "utf8", env, timeout: 50_000 });
  } finally {
    giveBack();
  }
}

/** Why a script cannot mount here, for the `skip` of a test; or false. */
export function cannotMount(script: string): string | false {
  const { status, stderr, error } = run(script, ["true"]);
  if (status === 0) return false;
  return `CANNOT MOUNT here (${error?.message ?? String(stderr).trim()}): this was NOT TESTED`;
}

/** Runs a module in this runtime, with mounts of its own; throws if it fails. */
export function runMounted(script: string, module: URL, ...args: string[]): void {
  const program = [process.execPath, ...RUN[adapter.name], fileURLToPath(module), ...args];
  const { status, signal, stdout, stderr } = run(script, program);
  if (status === 0) return;
  throw new Error(`It ended with ${signal ?? `status ${status}`}:\n${stdout}${stderr}`);
}
