import { join } from "node:path";
import { Children } from "../../src/host/children.ts";
import { Channel } from "../../src/memory/mod.ts";
import { launch as run } from "../launch.ts";
import {
  claim,
  type Figure,
  type Launch,
  MEMORY,
  on,
  type Program,
  type Subject,
} from "./subject.ts";

const PROGRAM = new URL("../programs/channel.ts", import.meta.url);
const SMALL = { capacity: 16, messageBytes: 64 };
const operation = "send and receive 64 bytes";

const open = on(MEMORY, ({ memory, offset }) => new Channel<unknown>(memory, offset, SMALL));

/** How long two threads run before they are measured, in milliseconds: both compile the same code. */
const LEAD = 150;

/** The times of a receiver, in nanoseconds. */
const timesOf = ({ effort }: Launch) => [LEAD * 1e6, effort.window * 1e6];

/** Starts processes with these arguments, of which the first measures; the others are killed. */
async function measure(
  { runtime, signal }: Launch,
  ...all: readonly (readonly (string | number)[])[]
): Promise<Figure> {
  await using children = new Children(signal);
  const [first] = all.map((args) =>
    children.start<number>({
      runtime,
      what: "one that sends or receives messages",
      program: PROGRAM,
      args: args.map(String),
      imports: false,
      duty: "received",
    })
  );
  return { ns: await first.next() };
}

async function byPython(launch: Launch): Promise<Figure> {
  const { effort, site, signal } = launch;
  const args = ["window", "queue", 2, ...timesOf(launch), site.temporary].map(String);
  const { inside } = JSON.parse(await run([...site.commands!.python!, ...args], { signal }));
  return { ns: effort.window * 1e6 / inside };
}

/** The programs of this operation, in each runtime. */
function program(how: Pick<Program, "by" | "medium" | "sizes" | "measure">): Program {
  return {
    name: operation,
    inEach: true,
    ms: (effort) => 100 + LEAD + effort.window,
    ...how,
  };
}

/** Messages between threads and between processes. */
export const subject: Subject = {
  name: "channel",
  operations: [
    open("send, receive 64 bytes alone", (channel) => {
      const message = new Uint8Array(64);
      return () => {
        channel.sendSync(message);
        return channel.receiveSync();
      };
    }),
    open("send, receive JSON alone", (channel) => {
      const message = { id: 17, name: "resize" };
      return () => {
        channel.sendSync(message);
        return channel.receiveSync();
      };
    }),
  ],
  programs: [
    program({
      medium: "mapped",
      sizes: "pair",
      measure: (launch) => {
        const memory = join(launch.site.fast, "memory");
        return measure(launch, ["receive", memory, ...timesOf(launch)], ["send", memory]);
      },
    }),
    program({
      medium: "anonymous",
      sizes: "threads",
      measure: (launch) => measure(launch, ["threads", ...timesOf(launch)]),
    }),
    program({
      by: "postMessage",
      medium: "none",
      sizes: "threads",
      measure: (launch) => measure(launch, ["post", ...timesOf(launch)]),
    }),
    {
      ...program({ by: "python", medium: "mapped", sizes: "pair", measure: byPython }),
      inEach: false,
    },
  ],
  goals: [
    claim("A process sends another one at least 2,000,000 messages of 64 bytes a second")
      .about({ operation, setting: "processes" }).takes(500),
    claim("Messages between processes are at least 20 times as fast as by Python's Queue")
      .about({ operation, setting: "processes" }).isFaster(20, { by: "python" }),
    claim("Messages between threads are at least 5 times as fast as by postMessage")
      .about({ operation, setting: "workers" })
      .isFaster(5, { by: "postMessage", medium: "none" }),
  ],
};
