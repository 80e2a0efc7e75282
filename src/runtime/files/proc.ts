import { O_RDONLY } from "../c/constants.ts";
import { libc } from "../c/libc.ts";
import { closeFile, tryOpen } from "./open_file.ts";

const latin1 = new TextDecoder("latin1");
const buffer = new Uint8Array(4096);

/** The beginning of a file of `/proc`; `undefined` if it cannot be read for any reason. */
export function readProc(path: string): string | undefined {
  const fd = tryOpen(path, O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    // SAFETY: read(2) writes no more than `buffer.length` bytes.
    const length = libc.read(fd, buffer, buffer.length);
    return length < 0 ? undefined : latin1.decode(buffer.subarray(0, length));
  } finally {
    closeFile(fd);
  }
}

/** All of a file of `/proc`, whose size is unknown; `undefined` if it cannot be read. */
export function readAllOfProc(path: string): string | undefined {
  const fd = tryOpen(path, O_RDONLY);
  if (fd === undefined) return undefined;
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65536);
  let text = "";
  try {
    for (;;) {
      // SAFETY: read(2) writes no more than `chunk.length` bytes.
      const length = libc.read(fd, chunk, chunk.length);
      if (length < 0) return undefined;
      if (length === 0) return text + decoder.decode();
      text += decoder.decode(chunk.subarray(0, length), { stream: true });
    }
  } finally {
    closeFile(fd);
  }
}
