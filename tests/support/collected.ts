import v8 from "node:v8";
import vm from "node:vm";
import { until } from "./until.ts";

const { Bun } = globalThis as { Bun?: { gc(force: boolean): void } };

function collector(): () => void {
  if (Bun !== undefined) return () => Bun.gc(true);
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc");
}

const collect = collector();

/** Collects garbage until that has removed something. */
export function collected(isDone: () => boolean): Promise<true> {
  return until("a collection", () => {
    collect();
    return isDone() || undefined;
  });
}
