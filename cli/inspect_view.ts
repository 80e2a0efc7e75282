import type { InspectedLockFile } from "../src/files/inspection.ts";
import type { SegmentView } from "../src/memory/inspection.ts";
import type { RedisView } from "./inspect_table.ts";

/** What to inspect, by the options of a command. */
export interface SourceFlags {
  readonly redis?: string;
  readonly match?: string;
  readonly counters?: string;
  readonly all?: true;
}

/** What this machine has, without a server. */
export interface LocalView {
  readonly segments: readonly SegmentView[];
  /** Missing unless lock files were asked for. */
  readonly files?: readonly InspectedLockFile[];
}

/** What was found: on this machine or on a server. */
export type View = LocalView | RedisView;

/** What a command inspects, once or again and again. */
export interface Source {
  look(signal: AbortSignal): Promise<View>;
  close(): Promise<void>;
}

/** Whether a view is that of a server. */
export function isRedisView(view: View): view is RedisView {
  return "locks" in view;
}
