import { readAllOfProc } from "../files/open_file.ts";

/**
 * A line of `/proc/self/status`, such as `PPid`; `undefined` if it cannot be read. See
 * proc_pid_status(5).
 */
export function ownStatus(line: string): string | undefined {
  const status = readAllOfProc("/proc/self/status");
  return status?.match(new RegExp(`^${line}:\\s*(\\w+)`, "m"))?.[1];
}

/**
 * Whether this process is in the foreground of its terminal, which sends the signals of keys to the
 * whole process group then. See proc_pid_stat(5).
 */
export function isInForeground(): boolean {
  const stat = readAllOfProc("/proc/self/stat") ?? "";
  // Behind the name, which may contain anything: state, parent, group, session, terminal, foreground.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return group !== undefined && group === foreground;
}
