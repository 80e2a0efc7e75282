import { adapter, libc } from "../../src/runtime/mod.ts";

const PR_SET_DUMPABLE = 4;

/**
 * Makes this process of root one of another user, for good.
 *
 * @param groups The groups of the user besides its own.
 */
export function become(user: number, groups: readonly number[]): void {
  const ids = { parameters: ["u32", "u32", "u32"], result: "i32" } as const;
  const { setgroups, setresgid, setresuid } = adapter.bind({
    setgroups: { parameters: ["i64", "bytes"], result: "i32" },
    setresgid: ids,
    setresuid: ids,
  });
  const list = new Uint8Array(Uint32Array.from([...groups, user]).buffer);
  const results = [
    setgroups(groups.length, list),
    setresgid(user, user, user), // For all threads, as glibc and musl do it.
    setresuid(user, user, user),
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), // Else its files in /proc belong to root.
  ];
  if (results.some((result) => result !== 0)) throw new Error(`Cannot become user ${user}`);
}
