/** A job of the helper thread: to wait for the sync of a write, or to close a counter. */
export interface CommitJob {
  readonly counter: number;
  readonly path: string;
  /** The number of the write; `undefined` to close the counter. */
  readonly number: number | undefined;
}

/** The error of a wait for a sync, field by field: `postMessage` drops the fields of an error. */
export interface CommitAnswer {
  readonly error?: { readonly message: string; readonly fields: object };
}
