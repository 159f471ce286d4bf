/** A token endpoint in a process of its own: its work must not delay the process that is measured. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { claimsOf } from "./people.js";
import { tokens } from "./token-endpoint.js";

/** As long as Entra is not slow. */
const answerMs = 50;

let sockets = 0;
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () =>
    setTimeout(() => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const { oid, tid } = claimsOf(form.get("assertion") ?? "");
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(tokens(String(oid), String(tid), form)));
    }, answerMs),
  );
});
server.on("connection", () => void (sockets += 1));
server.listen(0, "127.0.0.1", 8192, () => process.send?.((server.address() as AddressInfo).port));
process.on("message", () => process.send?.({ sockets }));
process.on("disconnect", () => process.exit(0));
