/** An empty program: what a runtime's start alone costs. */
export {};
