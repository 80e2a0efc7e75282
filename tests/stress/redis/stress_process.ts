/**
 * A process that does the workload of its argument; see {@linkcode serveAgent}.
 *
 * @module
 */
import { serveAgent } from "../serve_agent.ts";
import { prepare } from "./workload.ts";

await import("redis"); // Otherwise the first command would include the time to load it.
serveAgent(prepare);
