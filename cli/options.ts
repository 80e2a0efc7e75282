import { Argument, type Command, Option } from "commander";

/** What the help of a command has besides its options. */
export interface HelpMore {
  /** Command lines, and what each does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Exit statuses, and when. */
  readonly statuses: readonly (readonly [status: string | number, when: string])[];
}

/** What ends every command in the same way. */
const STATUSES: HelpMore["statuses"] = [
  [2, "the command line or a setting is wrong"],
  [130, "ended by Ctrl-C; by another signal: 128 plus its number"],
];

/** Adds examples and exit statuses to the help, and `--version`. */
export function addHelp(command: Command, { examples, statuses }: HelpMore): Command {
  const list = (rows: readonly (readonly [string | number, string])[]) => {
    const width = Math.max(...rows.map(([name]) => `${name}`.length));
    return rows.map(([name, text]) => `  ${`${name}`.padEnd(width)}  ${text}`).join("\n");
  };
  const lines = examples.map(([line, what]) => `  ${line}\n      ${what}`).join("\n");
  const all = [...statuses, ...STATUSES];
  const version = command.parent?.version();
  if (version !== undefined) command.version(version);
  return command
    .addHelpText("after", `\nExamples:\n${lines}\n\nExit status:\n${list(all)}`);
}

/** An option with values for the help and for completions, which its command checks itself. */
export function optionOf(flags: string, what: string, values: readonly string[]): Option {
  return Object.assign(new Option(flags, what), { argChoices: [...values] });
}

/** The same for an argument. */
export function argumentOf(name: string, what: string, values: readonly string[]): Argument {
  return Object.assign(new Argument(name, what), { argChoices: [...values] });
}

/** The name of an option as it stands on the command line: its short name if that was typed. */
export function nameTyped(command: Command, long: string, words: readonly string[]): string {
  const short = command.options.find((option) => option.long === long)?.short;
  if (short === undefined) return long;
  const isLong = words.some((word) => word === long || word.startsWith(`${long}=`));
  const isShort = words.some((word) => new RegExp(`^-[a-zA-Z]*${short[1]}`).test(word));
  return isShort && !isLong ? short : long;
}
