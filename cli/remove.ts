import type { Command } from "commander";
import process from "node:process";
import { describeOwner } from "../src/contract/owner.ts";
import { printable } from "../src/contract/printable.ts";
import { interruptible, print } from "../src/host/interruption.ts";
import { inspectSegments, type SegmentView, viewSegment } from "../src/memory/inspection.ts";
import { removeMemoryFile } from "../src/memory/memory_file.ts";
import { folderOfSegments } from "../src/memory/segment_home.ts";
import { removeIfUnused } from "../src/memory/unused.ts";
import type { MemoryThread } from "../src/memory/wait_records.ts";
import { canAsk, confirm } from "./confirm.ts";
import { pathOfSegment, refuseAddresses } from "./inspect_source.ts";
import { addHelp } from "./options.ts";
import { say } from "./output.ts";

interface Flags {
  readonly yes?: true;
}

/** Adds `interlock remove` and `interlock gc`. */
export function addRemove(program: Command): void {
  const remove = program.command("remove")
    .summary("remove segments")
    .description(
      "Removes segments of this user, with their values. Asks first if a thread that may live has " +
        "one open, or if it cannot be read. Such a thread keeps the removed segment, and does not " +
        "share it with programs that start later.",
    )
    .argument("<name...>", "names of segments")
    .option("-y, --yes", "do not ask")
    .action((names: string[], flags: Flags) =>
      interruptible((signal) => removeAll(names, flags, signal))
    );
  addHelp(remove, {
    examples: [["interlock remove jobs", "remove one segment"]],
    statuses: [[0, "all were removed"], [1, "one was not removed, or there is none"]],
  });
  const gc = program.command("gc")
    .summary("remove the segments that no living process has open")
    .description(
      "Lists the segments of this user that no living process has open, asks, and removes them, " +
        "with their values. Keeps a segment if a thread may live that has it open, or if it cannot " +
        "be read, and says so.",
    )
    .option("-y, --yes", "do not ask")
    .action((flags: Flags) => interruptible((signal) => collect(flags, signal)));
  addHelp(gc, {
    examples: [["interlock gc", "list them, and ask"], ["interlock gc --yes", "remove them"]],
    statuses: [
      [0, "all of them were removed, or there is none"],
      [1, "none was removed without an answer, or a segment could not be read or removed"],
    ],
  });
}

async function removeAll(
  names: readonly string[],
  { yes }: Flags,
  signal: AbortSignal,
): Promise<void> {
  refuseAddresses(names, "remove");
  for (const name of names) {
    const path = pathOfSegment(name, "remove");
    const view = viewSegment(name, path);
    const reason = view.error ?? usersOf(view.threads!);
    if (reason === undefined) {
      const users = removeIfUnused(path); // It is open by no thread, unless one came since.
      if (users.length > 0) return fail(`${printable(name)} was not removed: ${usersOf(users)}`);
    } else if (
      yes || await agrees(`${printable(name)}: ${printable(reason)}. Remove it?`, signal)
    ) {
      removeMemoryFile(path);
    } else return fail(`${printable(name)} was not removed: ${printable(reason)}`);
    await print(`Removed ${printable(name)}`);
  }
}

async function collect({ yes }: Flags, signal: AbortSignal): Promise<void> {
  const folder = folderOfSegments(undefined);
  const unused: SegmentView[] = [];
  const lines: string[] = [];
  for (const view of inspectSegments(folder)) {
    const name = printable(view.name);
    const flaw = view.error ?? view.damage;
    const reason = flaw ?? usersOf(view.threads!);
    if (flaw !== undefined) process.exitCode = 1;
    if (reason === undefined) {
      unused.push(view);
      const { length } = view.cells!;
      lines.push(`${name}: not open, ${length} name${length === 1 ? "" : "s"}, ${bytesOf(view)}`);
    } else lines.push(`${name}: kept: ${printable(reason)}`);
  }
  if (lines.length > 0) await print(lines.join("\n"));
  if (unused.length === 0) return await print(`No unused segments in ${printable(folder)}`);
  const those = unused.length === 1 ? "this segment" : `these ${unused.length} segments`;
  if (!yes && !await agrees(`Remove ${those}, with all values?`, signal)) {
    return fail("Nothing was removed");
  }
  for (const { name, path } of unused) {
    try {
      const users = removeIfUnused(path);
      if (users.length === 0) await print(`Removed ${printable(name)}`);
      else fail(`${printable(name)} was kept: ${usersOf(users)}`);
    } catch (error) {
      fail(printable((error as Error).message));
    }
  }
}

/** Asks if there is a terminal; if not, says which option agrees. */
async function agrees(question: string, signal: AbortSignal): Promise<boolean> {
  if (canAsk()) return await confirm(question, signal);
  say(`${question} There is no terminal to answer: give --yes`);
  return false;
}

function fail(what: string): void {
  say(what);
  process.exitCode = 1;
}

/** Which threads may have a segment open; `undefined` if all that had it open are dead. */
function usersOf(threads: readonly MemoryThread[]): string | undefined {
  const [first, ...others] = threads.filter(({ isGone }) => !isGone);
  if (first === undefined) return undefined;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `it is open by ${describeOwner(first.owner)}${more}, as far as can be known`;
}

function bytesOf({ size }: SegmentView): string {
  return `${size.toLocaleString("en")} bytes`;
}
