/** An empty program, to measure the start of a runtime. */
export {};
