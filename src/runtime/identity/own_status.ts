import { readAllOfProc } from "../files/open_file.ts";

/**
 * A line of `/proc/self/status`, such as `PPid`; `undefined` if it cannot be read. See
 * proc_pid_status(5).
 */
export function ownStatus(line: string): string | undefined {
  const status = readAllOfProc("/proc/self/status");
  return status?.match(new RegExp(`^${line}:\\s*(\\w+)`, "m"))?.[1];
}
