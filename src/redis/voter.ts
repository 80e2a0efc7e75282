import type { RedisAdapter } from "./adapter.ts";

/** One of the servers that vote. */
export interface Voter {
  readonly adapter: RedisAdapter;
  /** What to call it in messages. */
  readonly label: string;
}
