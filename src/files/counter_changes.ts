/** Computes the value of a counter from the value before. */
export type Change = (value: number, n: number, replacement: number) => number;

export const READ: Change = (value) => value;
export const ADD: Change = (value, n) => value + n;
export const SET: Change = (_value, n) => n;
export const MIN: Change = (value, n) => Math.min(value, n);
export const MAX: Change = (value, n) => Math.max(value, n);
/** Replaces the value if it is `n`. */
export const REPLACE: Change = (value, n, replacement) => value === n ? replacement : value;

/** A change that a task has asked for, and how the task hears of it. */
export interface TaskChange {
  readonly change: Change;
  readonly n: number;
  readonly replacement: number;
  /** Whether the task wants the value after the change, not before. */
  readonly wantsAfter: boolean;
  /** The value that the task gets; set when the change was applied. */
  result: number;
  readonly resolve: (result: number) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the watch of its deadline, if it has one; called when the change is about to be made. */
  stopWatch?: () => void;
}
