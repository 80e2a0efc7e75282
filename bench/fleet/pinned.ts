import { adapter } from "../../src/runtime/mod.ts";

const BYTES = 128;

/**
 * Keeps this thread on the `index`th processor of those that it may use, until disposal. Two threads
 * hand a lock over faster on one processor than on two, and the system would choose by chance. See
 * sched_setaffinity(2).
 */
export function pinned(index: number): Disposable {
  if (adapter.platform !== "linux") return { [Symbol.dispose]: () => {} };
  const { sched_getaffinity, sched_setaffinity } = adapter.bind({
    sched_getaffinity: { parameters: ["i32", "i64", "bytes"], result: "i32" },
    sched_setaffinity: { parameters: ["i32", "i64", "bytes"], result: "i32" },
  });
  const before = new Uint8Array(BYTES);
  sched_getaffinity(0, BYTES, before);
  const allowed = [...Array(BYTES * 8).keys()].filter((i) => before[i >> 3] >> (i & 7) & 1);
  const mine = allowed[index % allowed.length];
  const mask = new Uint8Array(BYTES);
  mask[mine >> 3] = 1 << (mine & 7);
  sched_setaffinity(0, BYTES, mask);
  return { [Symbol.dispose]: () => void sched_setaffinity(0, BYTES, before) };
}
