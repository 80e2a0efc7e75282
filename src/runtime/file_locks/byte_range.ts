/** A part of a file. */
export interface ByteRange {
  /** The first byte, from 0. The file need not be so long. */
  readonly start: number;
  /** How many bytes; 0 for all bytes from `start` on, however long the file becomes. */
  readonly length: number;
}
