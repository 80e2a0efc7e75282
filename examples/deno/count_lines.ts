/**
 * Counts the lines of the files in a folder with several processes of Deno, and shows the progress of
 * all of them: `deno task count-lines FOLDER --processes 4 --ext ts`.
 *
 * The processes share four counters. One of them gives out the work: `fetchAdd` returns another
 * number to each caller, so each folder is read by one process, and a fast process reads more.
 *
 * @module
 */
import { Segment } from "@interlock/interlock";
import { parseArgs } from "@std/cli/parse-args";
import { ProgressBar } from "@std/cli/unstable-progress-bar";
import { walk } from "@std/fs/walk";

function openCounters(name: string) {
  const segment = Segment.open(name);
  return {
    next: segment.counter("next"),
    done: segment.counter("done"),
    files: segment.counter("files"),
    lines: segment.counter("lines"),
    [Symbol.dispose]: () => segment.close(),
  };
}

function linesOf(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}

async function countPart(name: string, exts: string[] | undefined): Promise<void> {
  const folders: string[] = await new Response(Deno.stdin.readable).json();
  using counters = openCounters(name);
  for (let at = counters.next.fetchAdd(); at < folders.length; at = counters.next.fetchAdd()) {
    const options = { maxDepth: 1, includeDirs: false, includeSymlinks: false, exts };
    for await (const { path } of walk(folders[at], options)) {
      counters.lines.add(linesOf(await Deno.readFile(path)));
      counters.files.add();
    }
    counters.done.add();
  }
}

async function startProcess(name: string, folders: readonly string[], args: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-ffi", "--allow-read", Deno.mainModule, `--segment=${name}`, ...args],
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  await new Blob([JSON.stringify(folders)]).stream().pipeTo(child.stdin);
  return child;
}

async function countAll(folder: string, processes: number, exts: readonly string[]): Promise<void> {
  const options = { includeFiles: false, includeSymlinks: false };
  const folders = await Array.fromAsync(walk(folder, options), ({ path }) => path);
  const name = `count-lines-${Deno.pid}`;
  using counters = openCounters(name);
  try {
    const children = await Promise.all(
      Array.from({ length: processes }, () => startProcess(name, folders, exts)),
    );
    const bar = new ProgressBar({
      max: folders.length,
      fillChar: "=",
      formatter: ({ styledTime, progressBar, value, max }) =>
        `${styledTime} [${progressBar}] ${value} of ${max} folders, ${counters.files.value} files`,
    });
    const watch = setInterval(() => bar.value = counters.done.value, 100);
    const states = await Promise.all(children.map((child) => child.status));
    clearInterval(watch);
    bar.value = counters.done.value;
    await bar.stop();
    if (!states.every(({ success }) => success)) throw new Error("A process failed, see above");
    console.log(`${counters.lines.value} lines in ${counters.files.value} files`);
  } finally {
    Segment.remove(name);
  }
}

const flags = parseArgs(Deno.args, {
  string: ["processes", "ext", "segment"],
  collect: ["ext"],
  default: { processes: "4" },
});
if (flags.segment !== undefined) {
  await countPart(flags.segment, flags.ext.length > 0 ? flags.ext : undefined);
} else {
  const processes = Number(flags.processes);
  if (!Number.isInteger(processes) || processes < 1) {
    console.error(`--processes must be a whole number from 1, not ${flags.processes}`);
    Deno.exit(2);
  }
  await countAll(String(flags._[0] ?? "."), processes, flags.ext.map((ext) => `--ext=${ext}`));
}
