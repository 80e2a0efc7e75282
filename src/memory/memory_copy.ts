import { dispose, type PlatformDisposable } from "../contract/platform.ts";
import { closeFile } from "../runtime/files/open_file.ts";
import { SLOTS } from "./layout.ts";
import { MappedFile } from "./mapped_file.ts";
import { openToLook } from "./memory_file.ts";
import { Region } from "./region.ts";
import { ThreadRegistry } from "./thread_registry.ts";
import type { MemorySlots } from "./wait_records.ts";

/**
 * A private copy of the file of a memory, to look at it: claims no slot and writes nothing to the
 * file. It loads few modules, since programs start to look once.
 */
export class MemoryCopy implements PlatformDisposable {
  readonly region: Region;
  /** The threads that have the memory open. */
  readonly threads: ThreadRegistry;

  /**
   * Maps the file.
   *
   * @throws {SegmentFormatError} If the file is not a memory, or other users can use it.
   * @throws {Error} With the `code` of the system: no such file, no permission.
   */
  constructor(path: string) {
    const file = openToLook(path);
    try {
      this.region = new Region(MappedFile.copy(file, path));
    } finally {
      closeFile(file.fd);
    }
    this.threads = new ThreadRegistry(this.region);
  }

  /** How many threads have the memory open, and how many can. */
  get slots(): MemorySlots {
    return { used: this.threads.list().length, limit: SLOTS };
  }

  /** Unmaps the copy. */
  [dispose](): void {
    this.region.close();
  }
}
