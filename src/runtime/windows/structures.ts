/**
 * The strings and structures of the calls of 64-bit Windows (minwinbase.h, fileapi.h, winbase.h).
 * Tested on every system.
 *
 * @module
 */

const FILE_ATTRIBUTE_READONLY = 0x1;
const FILE_ATTRIBUTE_DIRECTORY = 0x10;
const FILE_ATTRIBUTE_REPARSE_POINT = 0x400;

/** A string as Windows needs it: UTF-16 and a NUL. Lone surrogates stay. */
export function wideString(text: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(2 * (text.length + 1)));
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return new Uint8Array(view.buffer);
}

/** The string in the first `length` units of a buffer. */
export function textOf(wide: Uint8Array, length: number): string {
  const view = new DataView(wide.buffer, wide.byteOffset);
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(view.getUint16(2 * i, true));
  return text;
}

/** The size of a `BY_HANDLE_FILE_INFORMATION`, in bytes. */
export const FILE_INFORMATION_BYTES = 52;

/** The status of an open file by `GetFileInformationByHandle`. */
export interface FileInformation {
  /** Neither a folder nor a link. */
  readonly isFile: boolean;
  readonly isFolder: boolean;
  readonly isLink: boolean;
  readonly isReadOnly: boolean;
  readonly size: number;
  /** The same for two handles of one file, and for no others. */
  readonly id: string;
}

/** The status of a pipe or a device. */
export const NO_FILE: FileInformation = {
  isFile: false,
  isFolder: false,
  isLink: false,
  isReadOnly: false,
  size: 0,
  id: "",
};

/** Reads a `BY_HANDLE_FILE_INFORMATION`. */
export function fileInformation(bytes: Uint8Array): FileInformation {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (at: number) => view.getUint32(at, true);
  const has = (attribute: number) => (word(0) & attribute) !== 0;
  const isFolder = has(FILE_ATTRIBUTE_DIRECTORY);
  const isLink = has(FILE_ATTRIBUTE_REPARSE_POINT);
  return {
    isFile: !isFolder && !isLink,
    isFolder,
    isLink,
    isReadOnly: has(FILE_ATTRIBUTE_READONLY),
    size: word(32) * 2 ** 32 + word(36),
    id: `${word(28)}:${word(44)}:${word(48)}`, // The volume, and the index by halves.
  };
}

/** The size of a `WIN32_FIND_DATAW`, in bytes. */
export const FOUND_FILE_BYTES = 592;
const [FOUND_NAME_AT, FOUND_NAME_LENGTH] = [44, 260];

/** The name in a `WIN32_FIND_DATAW`; `undefined` if it is that of a folder or a link. */
export function foundFile(bytes: Uint8Array): string | undefined {
  const attributes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const others = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  if ((attributes & others) !== 0) return undefined;
  const name = textOf(bytes.subarray(FOUND_NAME_AT), FOUND_NAME_LENGTH);
  return name.slice(0, name.indexOf("\0"));
}

/** `FILE_RENAME_FLAG_REPLACE_IF_EXISTS`. */
const REPLACE = 1;
/** `FILE_RENAME_FLAG_POSIX_SEMANTICS`: also replaces a file that is open. */
const POSIX = 2;
const RENAME_NAME_AT = 20;

/** A `FILE_RENAME_INFO` with flags: gives an open file an extended path. */
export function renameInformation(path: string, replace: boolean): Uint8Array {
  const wide = wideString(path);
  const bytes = new Uint8Array(RENAME_NAME_AT + wide.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, POSIX | (replace ? REPLACE : 0), true);
  view.setUint32(16, wide.length - 2, true);
  bytes.set(wide, RENAME_NAME_AT);
  return bytes;
}
