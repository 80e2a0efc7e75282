/** A read-write lock, as one object of this thread uses it, that keeps an entry of the slot. */
export interface EntryKeeper {
  /** Takes the entry away, in which the object notes nothing now. */
  loseEntry(): void;
}

/** Which objects of this thread keep the entries of its slot; see readers.ts. */
export interface ReaderEntries {
  /** By the number of the entry; weak, since a program may make a lock a million times. */
  readonly keepers: (WeakRef<EntryKeeper> | undefined)[];
  /** The entry to look at next: of those that are free, the one that was given longest ago. */
  next: number;
}
