import { codeOf, MisconfiguredError } from "../client/errors.ts";
import type { QuorumServer } from "./quorum_server.ts";
import { briefly } from "./briefly.ts";
import { collectReplies, countReplies } from "./server_replies.ts";

/** Notices that one server was given twice, by two addresses: its votes would count twice. */
export class ServerIdentities {
  readonly #what: string;
  readonly #servers: readonly QuorumServer[];
  readonly #quorum: number;
  readonly #runIds: (string | undefined)[];
  #isFirst = true;
  /** The questions that are under way. */
  readonly #asked: (Promise<void> | undefined)[] = [];

  /** The servers of the lock that `what` names in messages. */
  constructor(what: string, servers: readonly QuorumServer[], quorum: number) {
    this.#what = what;
    this.#servers = servers;
    this.#quorum = quorum;
    this.#runIds = servers.map(() => undefined);
  }

  /**
   * Asks the servers that have not said who they are. The first time it waits until enough have
   * answered, and briefly for the others.
   *
   * @throws {MisconfiguredError} If two of them are one server.
   */
  async check(): Promise<void> {
    if (this.#runIds.includes(undefined)) {
      const asked = this.#runIds.map(async (id, i) => {
        if (id === undefined) await (this.#asked[i] ??= this.#ask(i));
        return true;
      });
      const all = collectReplies(asked, () => false);
      if (this.#isFirst) {
        this.#isFirst = false;
        await collectReplies(asked, (replies) => countReplies(replies, Boolean) >= this.#quorum);
        await briefly(all);
      }
    }
    this.compare();
  }

  /** Notes what the INFO of a server says, and returns for how many milliseconds it is up. */
  note(server: number, info: string): number {
    const valueOf = (field: string) => new RegExp(`^${field}:(\\w+)`, "m").exec(info)?.[1];
    this.#runIds[server] = valueOf("run_id") ?? "";
    return 1000 * Number(valueOf("uptime_in_seconds"));
  }

  /** Whether none of the servers that are known is another one of them. */
  get areDistinct(): boolean {
    const known = this.#runIds.filter(Boolean);
    return new Set(known).size === known.length;
  }

  /**
   * Compares the servers that are known.
   *
   * @throws {MisconfiguredError} If two of them are one server.
   */
  compare(): void {
    const second = this.#runIds.findIndex((id, i) => id && this.#runIds.indexOf(id) < i);
    if (second < 0) return;
    const pair = [this.#runIds.indexOf(this.#runIds[second]), second];
    const [one, other] = pair.map((i) => this.#servers[i].label);
    for (const i of pair) this.#runIds[i] = undefined; // An address can lead elsewhere later.
    this.#isFirst = true;
    throw new MisconfiguredError(
      `Cannot use ${this.#what} of several servers: ${one} and ${other} are one server (both say ` +
        "the same run_id), and its vote would count twice. Give each server once",
    );
  }

  async #ask(server: number): Promise<void> {
    try {
      this.note(server, String(await this.#servers[server].adapter.send("INFO", "server")));
    } catch (error) {
      // It may not say it to this user, and is not compared.
      if (codeOf(error) !== undefined) this.#runIds[server] = "";
      throw error;
    } finally {
      this.#asked[server] = undefined;
    }
  }
}
