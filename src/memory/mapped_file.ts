import { O_NOFOLLOW, O_RDONLY } from "../runtime/c/constants.ts";
import { lookAtByte, takeByte } from "../runtime/file_locks/byte_lock.ts";
import { statusOf } from "../runtime/files/file_status.ts";
import { mapFile, type Mapping, openToMap, unmap } from "../runtime/files/mapping.ts";
import { closeFile, tryOpen } from "../runtime/files/open_file.ts";
import type { ThreadIdentity } from "../runtime/identity/thread_identity.ts";
import { LIFE_BYTES } from "./layout.ts";
import { LifeEntry } from "./life_word.ts";
import type { MemoryFile } from "./memory_file.ts";

interface Span {
  readonly mapping: Mapping;
  readonly length: number;
}

/** The files of memories that this thread has mapped, by their ids. */
const files = new Map<string, MappedFile>();

/**
 * The file of a memory as this thread has mapped it: once for all objects through which the thread
 * has opened it. If the file has grown, later objects use another mapping, and the first one stays,
 * since it keeps the life byte of the thread.
 */
export class MappedFile {
  /** Tells the file from every other. */
  readonly id: string;

  readonly #isCopy: boolean;
  readonly #isShared: boolean;
  /** The longest one last. */
  readonly #spans: Span[] = [];
  #path: string;
  #users = 0;
  /** While the file is being opened: the open file of the first mapping. */
  #fd: number | undefined;

  private constructor({ id, isShared }: MemoryFile, path: string, isCopy: boolean) {
    this.id = id;
    this.#path = path;
    this.#isCopy = isCopy;
    this.#isShared = isShared;
  }

  /**
   * Maps a file whose creation lock is held, unless this thread has mapped it.
   *
   * @param use Takes the mapped file, and must close it in the end, also if it throws. Meanwhile,
   * the file's life bytes can be taken.
   */
  static open<T>(file: MemoryFile, path: string, use: (mapped: MappedFile) => T): T {
    const mapped = files.get(file.id) ?? new MappedFile(file, path, false);
    mapped.#path = path; // This one leads to the file now.
    const again = openToMap(file.fd);
    try {
      mapped.#cover(again ?? file.fd, file.length);
      files.set(file.id, mapped);
      return use(mapped);
    } finally {
      mapped.#fd = undefined;
      if (again !== undefined) closeFile(again);
    }
  }

  /** Maps a private copy of a file: what is written to it stays in it. */
  static copy(file: MemoryFile, path: string): MappedFile {
    const mapped = new MappedFile(file, path, true);
    mapped.#cover(file.fd, file.length);
    return mapped;
  }

  /** A path that leads to the file, or led to it when it was opened. */
  get path(): string {
    return this.#path;
  }

  /** The longest mapping. */
  get mapping(): Mapping {
    return this.#spans.at(-1)!.mapping;
  }

  /** The length of the longest mapping. */
  get length(): number {
    return this.#spans.at(-1)?.length ?? 0;
  }

  /** Takes the life byte of an identity; returns whether it is taken. */
  takeLifeByte(identity: number): boolean {
    return this.#fd !== undefined && takeByte(this.#fd, LIFE_BYTES + identity) === "taken";
  }

  /**
   * Lets the kernel mark the life word of this thread, at an offset of the file, when the thread
   * ends; `undefined` if it cannot. Not if other users may write to the file: the kernel would
   * follow links that they write.
   */
  linkLifeWord(at: number, thread: ThreadIdentity): LifeEntry | undefined {
    if (this.#fd === undefined || this.#isShared) return undefined;
    return LifeEntry.link(this.#fd, at, thread);
  }

  /**
   * Whether a thread holds the life byte of an identity; `undefined` if it cannot be asked: no
   * descriptor is left, or the file was removed or replaced.
   */
  lookAtLifeByte(identity: number): "held" | "free" | undefined {
    const fd = tryOpen(this.#path, O_RDONLY | O_NOFOLLOW);
    if (fd === undefined) return undefined;
    try {
      const { id } = statusOf(fd, this.#path);
      return this.id.startsWith(`${id}:`) ? lookAtByte(fd, LIFE_BYTES + identity) : undefined;
    } catch {
      return undefined; // The status of the file cannot be read.
    } finally {
      closeFile(fd);
    }
  }

  /** Ends the use of one object; the last one unmaps the file. */
  close(): void {
    if (--this.#users > 0) return;
    if (!this.#isCopy) files.delete(this.id);
    // SAFETY: no object uses the mappings any more.
    for (const { mapping, length } of this.#spans) unmap(mapping, length);
  }

  /** Maps the file if it is longer than what is mapped, for one more object. */
  #cover(fd: number, length: number): void {
    if (this.length < length) {
      // SAFETY: the file has this length, and only the users that it is for can shorten it, which
      // ends the processes that touch the missing part.
      const mapping = mapFile(fd, this.#path, length, !this.#isCopy);
      if (this.#spans.length === 0) this.#fd = fd;
      this.#spans.push({ mapping, length });
    }
    this.#users++;
  }
}
