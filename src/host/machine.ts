import { statfsSync } from "node:fs";
import { cpus, release } from "node:os";
import process from "node:process";

/** File systems by the numbers of statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x1021994: "tmpfs",
  0x2fc12fc1: "zfs",
  0x58465342: "xfs",
  0x6969: "nfs",
  0x794c7630: "overlayfs",
  0x9123683e: "btrfs",
  0xef53: "ext4",
  0xf2f52010: "f2fs",
};

/** Describes the machine in a line, such as `2 x AMD EPYC, linux 6.1.0`. */
export function describeMachine(): string {
  return `${processors()}, ${process.platform} ${release()}`;
}

/** The processors: their architecture if the system does not name them, as Wine to Bun. */
function processors(): string {
  try {
    const all = cpus();
    return `${all.length} x ${all[0]?.model.trim() ?? process.arch}`;
  } catch {
    return `${navigator.hardwareConcurrency} x ${process.arch}`;
  }
}

/** The kind of the file system of a folder. */
export function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return FILE_SYSTEMS[type] ?? `file system 0x${type.toString(16)}`;
}
