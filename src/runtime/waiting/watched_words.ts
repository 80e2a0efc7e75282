/** How many words one helper can watch, beside the one that tells it of changes. */
export const MOST_WATCHED = 126;

/** The words that a thread and its helper share; entries follow: address, expected value. */
export const CONTROL = { change: 0, count: 1, running: 2, refused: 3, entries: 4 } as const;
/** The words of an entry; the last one is unused. */
export const ENTRY_WORDS = 4;
/** The number of words in all: those of {@linkcode CONTROL}, then the entries. */
export const WORDS = CONTROL.entries + ENTRY_WORDS * MOST_WATCHED;

/** A job of a helper: to watch the words until there are none. It has news when one has changed. */
export interface WatchJob {
  readonly control: SharedArrayBuffer;
}
