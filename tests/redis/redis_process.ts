import { adapter, type RuntimeName } from "../../src/runtime/mod.ts";
import { Child, executableOf, RUN_WITH_PACKAGES } from "../support/child.ts";

const MODULE = new URL("./fixtures/lock_process.ts", import.meta.url);

/** Options for a process. */
interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether it may call C functions; Deno can forbid it. */
  readonly mayCallC?: boolean;
}

/** A process with a lock, in this runtime or another; see fixtures/lock_process.ts. */
export function redisProcess(
  url: string,
  name: string,
  options: string,
  runtime: RuntimeName = adapter.name,
  { environment = {}, mayCallC = true }: Surroundings = {},
): Child {
  const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  const flags = runtime === "deno" && !mayCallC ? ["--deny-ffi"] : [];
  const args = [...variables, executableOf(runtime)!, ...RUN_WITH_PACKAGES[runtime], ...flags];
  return new Child("env", args, MODULE, [url, name, options]);
}

/** A process in this runtime that gives up waiting; see fixtures/giving_up_process.ts. */
export function givingUpProcess(url: string): Child {
  const module = new URL("./fixtures/giving_up_process.ts", import.meta.url);
  return new Child(executableOf(adapter.name)!, RUN_WITH_PACKAGES[adapter.name], module, [url]);
}

/** A process that waits for a lock `count` times at once; see fixtures/waiting_process.ts. */
export function waitingProcess(url: string, name: string, count: number, kind = ""): Child {
  const module = new URL("./fixtures/waiting_process.ts", import.meta.url);
  const { name: runtime } = adapter;
  return new Child(executableOf(runtime)!, RUN_WITH_PACKAGES[runtime], module, [
    url,
    name,
    `${count}`,
    kind,
  ]);
}

/** Sends a command to a process, and returns its answer. */
export function ask(child: Child, command: string): Promise<string> {
  child.tell(command);
  return child.line();
}
