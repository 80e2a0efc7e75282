import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import process from "node:process";
import { fileSystemOf } from "../src/host/machine.ts";
import type { Results } from "./results.ts";

/** The load average of the last minute. */
export function load(): number {
  return loadavg()[0];
}

/** Describes the machine of a run. */
export function machineOf(
  folders: { readonly temporary: string; readonly fast: string },
  before: number,
  noise: number,
): Results["machine"] {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? process.arch,
    cores: all.length,
    memoryBytes: totalmem(),
    kernel: release(),
    platform: process.platform,
    arch: process.arch,
    fileSystems: {
      [tmpdir()]: fileSystemOf(folders.temporary),
      "in memory": fileSystemOf(folders.fast),
    },
    load: { before, after: load() },
    noise,
  };
}
