import { join } from "node:path";
import { JsonFile } from "../../src/files/mod.ts";
import type { BenchContext, Subject } from "./subject.ts";

interface Jobs {
  readonly done: number;
  readonly names: readonly string[];
}

function open({ folder }: BenchContext, durable: boolean): JsonFile<Jobs> {
  const initial = { done: 0, names: ["fetch", "build", "publish"] };
  const file = new JsonFile<Jobs>(join(folder, "jobs.json"), { initial, durable });
  file.updateSync((jobs) => jobs);
  return file;
}

const next = (jobs: Jobs) => ({ ...jobs, done: jobs.done + 1 });

/** JSON documents that are read and changed under a lock. */
export const subject: Subject = {
  name: "json_file",
  operations: [
    {
      name: "read",
      media: ["file"],
      alone: (context) => {
        const file = open(context, false);
        return () => file.readSync();
      },
    },
    {
      name: "update, not durable",
      minor: true,
      media: ["file"],
      alone: (context) => {
        const file = open(context, false);
        return () => file.update(next);
      },
    },
    {
      name: "update",
      media: ["file"],
      alone: (context) => {
        const file = open(context, true);
        return () => file.update(next);
      },
    },
  ],
  goals: [],
};
