/**
 * A process that does the workload of its argument; see {@linkcode serveAgent}.
 *
 * @module
 */
import { serveAgent } from "../serve_agent.ts";
import { prepare } from "./workload.ts";

serveAgent(prepare);
