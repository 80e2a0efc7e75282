/** The inner part of an object that has a file open. It must not lead to the object. */
interface Inner {
  /** Closes the file as soon as it is neither held nor waited for. */
  abandon(): void;
}

const registry = new FinalizationRegistry<Inner>((inner) => {
  try {
    inner.abandon();
  } catch {
    // No caller could hear of it; the descriptor is closed all the same.
  }
});

/** Closes the file of an object that the program drops without closing it. */
export function closeIfDropped(owner: object, inner: Inner): void {
  registry.register(owner, inner, owner);
}

/** Ends that, when the program closes the object. */
export function wasClosed(owner: object): void {
  registry.unregister(owner);
}
