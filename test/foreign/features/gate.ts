import { createServer, request, type ServerResponse } from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { listening } from "../../support/listening.js";
import type { CounterpartWorld } from "../counterpart.js";

/** What stands in front of a server that takes no token: it lets nothing pass without a good one. */
export interface Gate {
  readonly url: string;
  /** Cuts the connection of the next call, once its answer has begun. */
  cut(): Promise<void>;
}

export interface Issuer {
  readonly jwksUri: string;
  readonly issuer: string;
  readonly audience: string;
}

/** Starts one in front of a server. */
export async function startGate(
  { atEnd }: Pick<CounterpartWorld, "atEnd">,
  server: string,
  { jwksUri, issuer, audience }: Issuer,
): Promise<Gate> {
  const { hostname, port, host } = new URL(server);
  const keys = createRemoteJWKSet(new URL(jwksUri));
  let cutting: ((response: ServerResponse) => void) | undefined;
  const gate = await listening(
    createServer((incoming, response) => {
      const token = /^Bearer (\S+)$/.exec(incoming.headers.authorization ?? "")?.[1] ?? "";
      jwtVerify(token, keys, { issuer, audience }).then(
        () => {
          const { method, url: path, headers } = incoming;
          const cut = method === "POST" ? cutting : undefined;
          if (cut !== undefined) cutting = undefined;
          const passed = request(
            { hostname, port, path, method, headers: { ...headers, host } },
            (answer) => {
              response.writeHead(answer.statusCode ?? 502, answer.headers);
              // Some servers send the headers of a stream long before its first event.
              response.flushHeaders();
              answer.pipe(response);
              if (cut !== undefined) answer.once("data", () => setTimeout(() => cut(response), 300));
            },
          );
          passed.on("error", () => response.destroy());
          response.on("close", () => passed.destroy());
          incoming.pipe(passed);
        },
        () => response.writeHead(401, { "www-authenticate": 'Bearer error="invalid_token"' }).end(),
      );
    }),
  );
  atEnd(() => gate.close());
  return {
    url: gate.url,
    cut: () =>
      new Promise((done) => {
        cutting = (response) => {
          response.destroy();
          done();
        };
      }),
  };
}
