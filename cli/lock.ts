import { Command, InvalidArgumentError, Option } from "commander";
import process from "node:process";
import { LABEL_LENGTH } from "../src/files/lock_record.ts";
import { interruptible } from "./interruption.ts";
import { showStatus } from "./lock_status.ts";
import { lockDescriptor, type LockOptions, runLocked } from "./locked_run.ts";
import { UsageError } from "./usage_error.ts";

interface Flags {
  /** What the last of `-s`, `-x`, `-e` and `-u` says. */
  mode?: LockOptions["mode"];
  timeout?: number;
  /** False where `--no-wait` was given. */
  wait?: boolean;
  nonblock?: true;
  nb?: true;
  label?: string;
  exitCode?: number;
  close?: true;
  /** False where `--no-fork` was given. */
  fork?: boolean;
  command?: string;
  status?: true;
  verbose?: true;
}

/** Adds `interlock lock`. */
export function addLock(program: Command): void {
  const command = program.command("lock")
    .summary("run a command while holding a file lock, as flock(1) does")
    .description(
      "Runs a command while holding the lock on a file, as flock(1) does; the two exclude each " +
        "other. The command inherits the lock: it is held until the command ends, also if " +
        "interlock is killed. Exits with the status of the command; with 127 or 126 if it cannot " +
        "be started; with 66, 71 or 73 if the file cannot be opened. A file that is new gets a " +
        "record of the holder: make it before, empty, if the command appends to it. The number of " +
        "a descriptor " +
        "that the shell has opened, in place of file and command, locks or unlocks that.",
    )
    .usage("[options] <file> [options] [--] <command...> | [options] <descriptor>")
    .version(program.version()!, "-V, --version", "output the version")
    .argument("<file>", "the lock file or a folder; a file is made where it is missing, and kept")
    .argument("[command...]", "the command and its arguments");
  addOptions(command).action((file: string, rest: string[], before: Flags) => {
    const { flags, words } = optionsAfterFile(rest);
    return run(file, words, { ...before, ...flags });
  });
}

function addOptions(command: Command): Command {
  const modes = [
    [new Option("-s, --shared", "together with others that share, instead of alone"), "shared"],
    [new Option("-x, --exclusive", "alone (default)"), "exclusive"],
    [new Option("-e", "the same as -x").hideHelp(), "exclusive"],
    [
      new Option("-u, --unlock", "give back the lock of a descriptor; of a file, take none"),
      "none",
    ],
  ] as const;
  for (const [option, mode] of modes) {
    command.addOption(option);
    command.on(`option:${option.name()}`, () => command.setOptionValue("mode", mode));
  }
  return command.passThroughOptions()
    .option("-w, --timeout <seconds>", "how long to wait at most", seconds)
    .addOption(new Option("--wait <seconds>").argParser(seconds).hideHelp())
    .option("-n, --nonblock", "fail at once where somebody else holds the lock")
    .option("--no-wait", "the same as --nonblock")
    .addOption(new Option("--nb", "the same as --nonblock").hideHelp())
    .option("--label <text>", "what to call the holder, for others to see", label)
    .option("-E, --exit-code <number>", "the status where the lock is not to be had (1)", status)
    .addOption(new Option("--conflict-exit-code <number>").argParser(status).hideHelp())
    .option("-o, --close", "withhold the lock from the command: it ends with interlock")
    .option("-F, --no-fork", "become the command, instead of waiting for it; enters no holder")
    .option("-c, --command <string>", "a command for the shell, instead of words")
    .option("--status", "tell who holds the lock, and exit with 0 if it is free, else with 1")
    .option("--verbose", "tell of each step");
}

/** Options may also stand between the file and the command, up to the first word or `--`. */
function optionsAfterFile(rest: string[]): { flags: Flags; words: string[] } {
  if (!rest[0]?.startsWith("-")) return { flags: {}, words: rest };
  const parser = addOptions(new Command("interlock lock FILE").exitOverride())
    .argument("[command...]").helpOption(false);
  parser.parse(rest, { from: "user" });
  return { flags: given(parser), words: parser.args };
}

/** Without the `wait: true` that commander puts in by itself, which would undo a `--no-wait`. */
function given(parser: Command): Flags {
  const all = Object.entries(parser.opts());
  return Object.fromEntries(
    all.filter(([name]) => parser.getOptionValueSource(name) !== "default"),
  );
}

function run(file: string, words: readonly string[], flags: Flags): Promise<void> {
  if (flags.status) {
    if (words.length > 0) throw new UsageError("Cannot tell a status and run a command as well");
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

/** A number alone is a descriptor; with a command, it is a file of that name. */
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
    throw new UsageError("Cannot do both --no-fork and --close: nothing would hold the lock");
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
    "Cannot run: name one command, after the file or by -c, or the number of a descriptor and no " +
      "command (--help says how)",
  );
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0) return value;
  throw new InvalidArgumentError("a number of seconds from 0");
}

function status(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 255) return value;
  throw new InvalidArgumentError("a whole number from 0 to 255");
}

function label(text: string): string {
  if (text.length <= LABEL_LENGTH) return text;
  throw new InvalidArgumentError(`at most ${LABEL_LENGTH} characters`);
}
