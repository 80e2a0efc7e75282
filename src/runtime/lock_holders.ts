import { closeFile, O_RDONLY, tryOpen } from "./files.ts";
import { libc } from "./libc.ts";

/** The whole of a file of `/proc`, whose size is not known before; `undefined` if it is unreadable. */
function readAll(path: string): string | undefined {
  const fd = tryOpen(path, O_RDONLY);
  if (fd === undefined) return undefined;
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65536);
  let text = "";
  try {
    for (;;) {
      const length = libc.read(fd, chunk, chunk.length);
      if (length < 0) return undefined;
      if (length === 0) return text + decoder.decode();
      text += decoder.decode(chunk.subarray(0, length), { stream: true });
    }
  } finally {
    closeFile(fd);
  }
}

/**
 * The processes that hold a file by flock(2), by `/proc/locks`: the kernel's own word. `undefined`
 * where it cannot be asked. See proc_locks(5).
 *
 * @param id The device and the inode, as `major:minor:inode` in decimal.
 */
export function flockHolders(id: string): number[] | undefined {
  const [major, minor, inode] = id.split(":").map((part) => Number.parseInt(part));
  const hex = (number: number) => number.toString(16).padStart(2, "0");
  const place = `${hex(major)}:${hex(minor)}:${inode}`;
  return readAll("/proc/locks")?.split("\n")
    .map((line) => line.split(/\s+/))
    .filter((fields) => fields[1] === "FLOCK" && fields[5] === place)
    .map((fields) => Number(fields[4]));
}
