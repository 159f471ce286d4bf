import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { claimsOf } from "./people.js";
import { tokens } from "./token-endpoint.js";

/** A token endpoint over TLS, which a process trusts that is started with `env`. */
export interface HttpsEndpoint {
  readonly origin: string;
  readonly env: Readonly<Record<string, string>>;
  posts(): number;
  connections(): number;
  close(): Promise<void>;
}

/** The client secret of an app whose every request is answered 429. */
export const throttledSecret = "throttled";

/** Starts one. It keeps sockets for two minutes, and tells nobody, as a server may. */
export async function httpsEndpoint(): Promise<HttpsEndpoint> {
  const folder = await mkdtemp(join(tmpdir(), "hosted-agent-identity-bench-"));
  const { cert, private: key } = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  const trusted = join(folder, "cert.pem");
  await writeFile(trusted, cert);
  let [posts, connections] = [0, 0];
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.on("end", () => {
      posts += 1;
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const { oid, tid } = claimsOf(form.get("assertion") ?? "");
      const isThrottled = form.get("client_secret") === throttledSecret;
      const body = isThrottled
        ? { error: "temporarily_unavailable", error_codes: [90_055] }
        : tokens(String(oid), String(tid), form);
      response
        .writeHead(isThrottled ? 429 : 200, {
          "content-type": "application/json",
          ...(isThrottled ? { "retry-after": "30" } : {}),
        })
        .end(JSON.stringify(body));
    });
  });
  // 0: no `Keep-Alive: timeout=…` in the answers, and the socket stays.
  server.keepAliveTimeout = 0;
  server.on("secureConnection", () => void (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    env: { NODE_EXTRA_CA_CERTS: trusted },
    posts: () => posts,
    connections: () => connections,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
