import { Argument, type Command, type Option } from "commander";
import { print } from "../src/host/interruption.ts";
import { addHelp } from "./options.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

/** Adds `interlock completions`. */
export function addCompletions(program: Command): void {
  const command = program.command("completions")
    .summary("print a script that completes commands and options in a shell")
    .description(
      "Prints a script that completes commands, options and their values.\n\n" +
        'In ~/.bashrc: eval "$(interlock completions bash)"\n' +
        'In ~/.zshrc, after compinit: eval "$(interlock completions zsh)"\n' +
        "In ~/.config/fish/config.fish: interlock completions fish | source",
    )
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: typeof SHELLS[number]) => print(SCRIPTS[shell](program).trimEnd()));
  addHelp(command, {
    examples: [['eval "$(interlock completions bash)"', "complete in this shell"]],
    statuses: [[0, "done"]],
  });
}

const SCRIPTS = { bash, zsh, fish } as const;

/** The options that the help shows. */
function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

/** What may follow the command, besides options. */
function argumentsOf(command: Command): readonly string[] {
  return command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
}

function bash(program: Command): string {
  const values = program.commands.flatMap((command) =>
    optionsOf(command).flatMap(({ argChoices, ...option }) =>
      argChoices === undefined ? [] : [
        `    ${
          flagsOf(option as Option).map((flag) => `"${command.name()} ${flag}"`).join("|")
        }) ` +
        `words="${argChoices.join(" ")}" ;;`,
      ]
    )
  );
  const all = program.commands.map((command) => {
    const words = [...optionsOf(command).flatMap(flagsOf), ...argumentsOf(command)];
    return `    ${command.name()}) words="${words.join(" ")}" ;;`;
  });
  const names = [
    ...program.commands.map((one) => one.name()),
    ...optionsOf(program).flatMap(flagsOf),
  ];
  return `_interlock() {
  local words="" current="\${COMP_WORDS[COMP_CWORD]}"
  case "\${COMP_WORDS[1]}" in
${all.join("\n")}
  esac
  case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join("\n")}
  esac
  if [ "$COMP_CWORD" = 1 ]; then words="${names.join(" ")}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _interlock interlock
`;
}

function zsh(program: Command): string {
  const plain = (text: string) => text.replaceAll(/[[\]:'\\]/g, " ");
  const specOf = (option: Option) => {
    const flags = flagsOf(option);
    const what = `[${plain(option.description)}]`;
    const value = option.required
      ? `:${plain(option.attributeName())}:${
        option.argChoices ? `(${option.argChoices.join(" ")})` : "_files"
      }`
      : "";
    const names = flags.length > 1 ? `'(${flags.join(" ")})'{${flags.join(",")}}` : flags[0];
    return `${names}'${what}${value}'`;
  };
  const cases = program.commands.map((command) => {
    const choices = argumentsOf(command);
    const rest = choices.length > 0 ? `'*: :(${choices.join(" ")})'` : "'*: :_files'";
    return `    ${command.name()}) _arguments -s ${
      [...optionsOf(command).map(specOf), rest].join(" ")
    } ;;`;
  });
  const names = program.commands.map((one) => `'${one.name()}:${plain(one.summary())}'`);
  return `#compdef interlock
_interlock() {
  local -a commands=(${names.join(" ")})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = _interlock ]; then _interlock "$@"; else compdef _interlock interlock; fi
`;
}

function fish(program: Command): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const line = (when: string, ...words: string[]) =>
    ["complete -c interlock -n", quoted(when), ...words].join(" ");
  const lines = program.commands.flatMap((command) => {
    const within = `__fish_seen_subcommand_from ${command.name()}`;
    const choices = argumentsOf(command);
    return [
      line("__fish_use_subcommand", "-f -a", command.name(), "-d", quoted(command.summary())),
      ...choices.length > 0 ? [line(within, "-f -a", quoted(choices.join(" ")))] : [],
      ...optionsOf(command).map(({ short, long, description, required, argChoices }) =>
        line(
          within,
          ...short ? ["-s", short.slice(1)] : [],
          ...long ? ["-l", long.slice(2)] : [],
          ...required ? ["-r"] : [],
          ...argChoices ? ["-f -a", quoted(argChoices.join(" "))] : [],
          "-d",
          quoted(description),
        )
      ),
    ];
  });
  return `${lines.join("\n")}\n`;
}
