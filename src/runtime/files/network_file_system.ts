import { libc } from "../c/libc.ts";

/** File systems whose files are on other machines, by the number that statfs(2) gives. */
const NETWORK: Readonly<Record<number, string | undefined>> = {
  0x00c36400: "ceph",
  0x01021997: "9p",
  0x0bd00bd0: "lustre",
  0x517b: "smb",
  0x5346414f: "afs",
  0x65735546: "fuse",
  0x6969: "nfs",
  0x73757245: "coda",
  0xfe534d42: "smb2",
  0xff534d42: "cifs",
};

const status = new DataView(new ArrayBuffer(120));

/** The network file system that a descriptor is, or may be (`fuse`), on; `undefined` for none. */
export function networkFileSystem(fd: number): string | undefined {
  // SAFETY: a `struct statfs` has 120 bytes on 64-bit Linux.
  if (libc.fstatfs(fd, new Uint8Array(status.buffer)) !== 0) return undefined;
  return NETWORK[status.getUint32(0, true)];
}
