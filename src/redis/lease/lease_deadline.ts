import { Deadline } from "../../contract/deadline.ts";
import type { AcquireOptions } from "../../contract/options.ts";
import { describeOwner } from "../../contract/owner.ts";
import type { Refusal } from "./attempt.ts";
import { ownerIn, SHARED } from "./holder_value.ts";

/**
 * The deadline of a wait for something on a server; the last answer of the server names the holder.
 */
export class LeaseDeadline extends Deadline {
  /** The last answer of the server, for the message. */
  refusal: Pick<Refusal, "holder" | "why"> | undefined;

  /**
   * The deadline of a wait for the thing that `what` names in messages.
   *
   * @throws {TypeError} If the options, the timeout or the signal is of a wrong type.
   * @throws {RangeError} If the timeout is negative or NaN.
   * @throws The reason of the signal, if it is aborted.
   */
  constructor(what: string, options: AcquireOptions | undefined) {
    const describe = (): string => timeoutMessage(what, this.refusal);
    super(options, describe, `acquire ${what}`);
  }
}

function timeoutMessage(what: string, { holder, why }: Partial<Refusal> = {}): string {
  const contender = holder === undefined || holder === SHARED
    ? "others share it or wait for it"
    : `${describeOwner(ownerIn(holder))} holds it`;
  return `Cannot acquire ${what} in time: ${why ?? contender}`;
}
