import { adapter, type RuntimeName } from "../../src/runtime/mod.ts";
import { Child, executableOf, RUN } from "../support/child.ts";

const MODULE = new URL("./fixtures/lock_process.ts", import.meta.url);
/** Deno finds the client by the configuration of the project. */
const FLAGS = { ...RUN, deno: ["run", "--quiet", "-A"] };

/** A process with a lock, in this runtime or another; see fixtures/lock_process.ts. */
export function redisProcess(
  url: string,
  name: string,
  options: string,
  runtime: RuntimeName = adapter.name,
): Child {
  return new Child(executableOf(runtime)!, FLAGS[runtime], MODULE, [url, name, options]);
}

/** Tells a process a command, and gives its answer. */
export function ask(child: Child, command: string): Promise<string> {
  child.tell(command);
  return child.line();
}
