import { missingPermission } from "../runtime/adapters/missing_permission.ts";
import { namedError, systemError } from "../runtime/c/errno.ts";

/** An error of a runtime's own functions in our words: each runtime has its own. */
export function systemErrorOf(what: string, path: string, error: unknown): Error {
  const permission = missingPermission(error);
  if (permission !== undefined) return new Error(permission, { cause: error });
  const { code, errno = 0, message } = error as NodeJS.ErrnoException;
  if (code !== undefined) return namedError(what, path, code, errno);
  const [, number] = /os error (\d+)/.exec(message) ?? []; // Deno's own errors.
  return number === undefined ? error as Error : systemError(what, path, Number(number));
}
