import { Command, Option } from "commander";
import process from "node:process";
import { LABEL_LENGTH } from "../src/files/lock_record.ts";
import { interruptible } from "../src/host/interruption.ts";
import { showStatus } from "./lock_status.ts";
import { lockDescriptor, type LockOptions, runLocked } from "./locked_run.ts";
import { invalidOption, UsageError } from "../src/host/usage_error.ts";

interface Flags {
  /** The mode of the last of `-s`, `-x`, `-e` and `-u`. */
  mode?: LockOptions["mode"];
  timeout?: number;
  /** False if `--no-wait` was given. */
  wait?: boolean;
  nonblock?: true;
  nb?: true;
  label?: string;
  exitCode?: number;
  close?: true;
  /** False if `--no-fork` was given. */
  fork?: boolean;
  command?: string;
  status?: true;
  verbose?: true;
}

/** Adds `interlock lock`. */
export function addLock(program: Command): void {
  const command = program.command("lock")
    .summary("run a command while holding a file lock, like flock(1)")
    .description(
      "Runs a command while holding the lock on a file. The lock is compatible with flock(1). The " +
        "command inherits the lock and holds it until it ends, even if interlock is killed. Exits " +
        "with the status of the command; with 127 or 126 if the command cannot be started; with " +
        "66, 71 or 73 if the file cannot be opened. A new file gets a record of the holder; if the " +
        "command appends to the file, create it first. Instead of a file and a command, the number " +
        "of a descriptor that the shell has opened can be given, to lock or unlock it.",
    )
    .usage("[options] <file> [--] <command...> | <descriptor>")
    .version(program.version()!, "-V, --version", "output the version")
    .argument("<file>", "the lock file or a folder; a missing file is created and kept")
    .argument("[command...]", "the command and its arguments");
  addOptions(command).action((file: string, rest: string[], before: Flags) => {
    const { flags, words } = optionsAfterFile(rest);
    return run(file, words, { ...before, ...flags });
  });
}

function addOptions(command: Command): Command {
  const modes = [
    [new Option("-s, --shared", "shared lock, together with other shared holders"), "shared"],
    [new Option("-x, --exclusive", "exclusive lock (default)"), "exclusive"],
    [new Option("-e", "the same as -x").hideHelp(), "exclusive"],
    [
      new Option(
        "-u, --unlock",
        "unlock the descriptor; with a file, run the command without a lock",
      ),
      "none",
    ],
  ] as const;
  for (const [option, mode] of modes) {
    command.addOption(option);
    command.on(`option:${option.name()}`, () => command.setOptionValue("mode", mode));
  }
  return command.passThroughOptions()
    .option("-w, --timeout <seconds>", "longest time to wait", secondsOf("--timeout"))
    .addOption(new Option("--wait <seconds>").argParser(secondsOf("--wait")).hideHelp())
    .option("-n, --nonblock", "fail at once if the lock is held")
    .option("--no-wait", "the same as --nonblock")
    .addOption(new Option("--nb", "the same as --nonblock").hideHelp())
    .option("--label <text>", "name of the holder, shown to others", label)
    .option(
      "-E, --exit-code <number>",
      "exit status if the lock is not acquired (default: 1)",
      status,
    )
    .addOption(new Option("--conflict-exit-code <number>").argParser(status).hideHelp())
    .option(
      "-o, --close",
      "do not pass the lock on to the command; interlock holds it until the command ends",
    )
    .option("-F, --no-fork", "become the command instead of waiting for it; writes no record")
    .option("-c, --command <string>", "command string for the shell")
    .option("--status", "show the holder; exit with 0 if the lock is free, else with 1")
    .option("--verbose", "report each step");
}

/** Parses options between the file and the command, up to the first word or `--`. */
function optionsAfterFile(rest: string[]): { flags: Flags; words: string[] } {
  if (!rest[0]?.startsWith("-")) return { flags: {}, words: rest };
  const parser = addOptions(new Command("interlock lock FILE").exitOverride())
    .argument("[command...]").helpOption(false);
  parser.parse(rest, { from: "user" });
  return { flags: given(parser), words: parser.args };
}

/** Omits the default `wait: true` of commander, which would undo a `--no-wait`. */
function given(parser: Command): Flags {
  const all = Object.entries(parser.opts());
  return Object.fromEntries(
    all.filter(([name]) => parser.getOptionValueSource(name) !== "default"),
  );
}

function run(file: string, words: readonly string[], flags: Flags): Promise<void> {
  if (flags.status) {
    if (words.length > 0) throw new UsageError("Cannot combine --status with a command");
    return showStatus(file).then((code) => void (process.exitCode = code));
  }
  const action = isDescriptor(file, words, flags)
    ? (signal: AbortSignal) => lockDescriptor(Number(file), lockOptions(flags), signal)
    : lockedRun(file, words, flags);
  return interruptible(
    async (signal) => void (process.exitCode = await action(signal)),
    { output: false },
  );
}

function lockOptions(flags: Flags): LockOptions {
  const wait = typeof flags.wait === "number" ? flags.wait : flags.timeout;
  const never = flags.wait === false || flags.nonblock || flags.nb;
  return {
    mode: flags.mode ?? "exclusive",
    timeout: never ? 0 : 1000 * (wait ?? Infinity),
    conflict: flags.exitCode ?? (flags as { conflictExitCode?: number }).conflictExitCode ?? 1,
    verbose: flags.verbose ?? false,
  };
}

/** A number without a command is a descriptor; with a command, it is the name of a file. */
function isDescriptor(file: string, words: readonly string[], { command }: Flags): boolean {
  return words.length === 0 && command === undefined && /^\d{1,9}$/.test(file);
}

function lockedRun(
  file: string,
  words: readonly string[],
  flags: Flags,
): (signal: AbortSignal) => Promise<number> {
  const { label, close = false, fork, command } = flags;
  const become = fork === false;
  if (become && close) {
    throw new UsageError("Cannot combine --no-fork with --close: nothing would hold the lock");
  }
  const run = { ...lockOptions(flags), command: commandOf(words, command), label, close, become };
  return (signal) => runLocked(file, run, signal);
}

function commandOf(words: readonly string[], text: string | undefined): readonly string[] {
  if (text !== undefined && words.length === 0) {
    return [process.env.SHELL || "/bin/sh", "-c", text];
  }
  if (text === undefined && words.length > 0) return words;
  throw new UsageError(
    "Cannot run: give one command, after the file or with -c; or only the number of a descriptor " +
      "(see --help)",
  );
}

function secondsOf(option: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= 0) return value;
    throw invalidOption(option, "be 0 seconds or more", text);
  };
}

function status(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 255) return value;
  throw invalidOption("--exit-code", "be a whole number from 0 to 255", text);
}

function label(text: string): string {
  if (text.length <= LABEL_LENGTH) return text;
  throw new UsageError(
    `--label must have at most ${LABEL_LENGTH} characters (given ${text.length})`,
  );
}
