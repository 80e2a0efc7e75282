import { join } from "node:path";
import { JsonFile } from "../../src/files/mod.ts";
import { on, type Subject } from "./subject.ts";

interface Jobs {
  readonly done: number;
  readonly names: readonly string[];
}

const updating = (durable: boolean) =>
  on(["file"], ({ folder }) => {
    const initial = { done: 0, names: ["fetch", "build", "publish"] };
    const file = new JsonFile<Jobs>(join(folder, "jobs.json"), { initial, durable });
    file.updateSync((jobs) => jobs);
    return file;
  });
const update = (file: JsonFile<Jobs>) => () =>
  file.update((jobs) => ({ ...jobs, done: jobs.done + 1 }));

/** JSON documents that are read and changed under a lock. */
export const subject: Subject = {
  name: "json_file",
  operations: [
    updating(false)("read", (file) => () => file.readSync()),
    updating(false)("update, not durable", update),
    updating(true)("update", update),
  ],
  goals: [],
};
