import type { RedisAdapter } from "../client/adapter.ts";

/** One of the servers that vote. */
export interface QuorumServer {
  readonly adapter: RedisAdapter;
  /** Its name in messages. */
  readonly label: string;
}
