import { Redis } from "ioredis";
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createClient } from "redis";
import { adapterOf, RedisCounter, type RedisSource } from "../../../src/redis/mod.ts";
import { freePort, RedisServer, skip } from "../../support/redis_server.ts";
import { inScratchFolder } from "../../support/scratch_folder.ts";
import { until } from "../../support/until.ts";

const reason = skip ||
  (spawnSync("openssl", ["version"]).status !== 0 && "NO TLS TESTED: openssl is not on the PATH");

/** A client that trusts one certificate and has a password; and a function that ends it. */
type Connect = (port: number, ca: string) => Promise<[RedisSource, () => void]>;

const CLIENTS: Readonly<Record<string, Connect>> = {
  "node-redis": async (port, ca) => {
    const client = createClient({
      url: `rediss://:secret@localhost:${port}`,
      socket: { tls: true, ca, host: "localhost", port },
    });
    client.on("error", () => {});
    await client.connect();
    return [client, () => client.destroy()];
  },
  ioredis: (port, ca) => {
    const client = new Redis({ host: "localhost", port, password: "secret", tls: { ca } });
    client.on("error", () => {});
    return Promise.resolve([client, () => client.disconnect()]);
  },
};

describe("a client with TLS and a password", { skip: reason }, () => {
  for (const [name, connect] of Object.entries(CLIENTS)) {
    it(`uses both for its second connection: ${name}`, () =>
      inScratchFolder(async (folder) => {
        const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
        execFileSync("openssl", [
          ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
          ...["-nodes", "-keyout", key, "-out", certificate, "-days", "2"],
          ...["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        ], { stdio: "ignore" });
        const port = await freePort();
        await using _server = await RedisServer.start({
          password: "secret",
          config: [
            ...["--tls-port", `${port}`, "--tls-cert-file", certificate, "--tls-key-file", key],
            ...["--tls-ca-cert-file", certificate, "--tls-auth-clients", "no"],
          ],
        });
        const [client, end] = await connect(port, readFileSync(certificate, "utf8"));
        try {
          await using counter = new RedisCounter(client, "n");
          assert.equal(await counter.add(), 1);
          const adapter = adapterOf(client);
          const received: string[] = [];
          await adapter.subscribe("news", (message) => received.push(message));
          await adapter.send("PUBLISH", "news", "hello");
          await until("the message", () => received.length > 0);
          await adapter.close();
        } finally {
          end();
        }
      }));
  }
});
