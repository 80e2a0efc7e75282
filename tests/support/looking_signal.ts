/**
 * A signal that calls `onLook`, with the number of the call, whenever a wait checks it. A thread in a
 * synchronous wait runs nothing else, so this is how a test acts during one. `throwIfAborted` throws
 * what `onLook` throws.
 */
export function lookingSignal(onLook: (look: number) => void): AbortSignal {
  let looks = 0;
  const signal = {
    get aborted() {
      return false;
    },
    reason: undefined,
    throwIfAborted: () => onLook(++looks),
    addEventListener() {},
    removeEventListener() {},
  };
  return signal as unknown as AbortSignal;
}
