import process from "node:process";

/**
 * The process's side of an agent: prepares the workload of its argument, says `ready`, begins at a
 * line, and prints the result as a line of JSON. The line `stop` ends the workload.
 */
export function serveAgent<W>(
  prepare: (workload: W, isStopped: () => boolean) => () => Promise<unknown>,
): void {
  let [started, stopped] = [false, false];
  const run = prepare(JSON.parse(process.argv[2]), () => stopped);
  process.stdin.on("end", () => process.exit(1)); // Whoever started it has ended.
  process.stdin.setEncoding("utf8").on("data", async (lines: string) => {
    if (lines.includes("stop")) stopped = true; // Both may come together.
    if (started) return;
    started = true;
    const result = await run();
    process.stdout.write(`${JSON.stringify(result ?? "done")}\n`, () => process.exit(0));
  });
  process.stdout.write("ready\n");
}
