// A server in a process of its own, so that its time is not measured. It sends answers that were made before, in HTTP
// chunks of a given size, as fast as the client reads.
import { createServer } from "node:net";

/** @type {Map<string, Buffer>} */
const answers = new Map();

process.on("message", ({ path, head, body, piece }) => {
  const chunks = [
    Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: ${head}\r\ntransfer-encoding: chunked\r\n\r\n`),
  ];
  for (let at = 0; at < body.length; at += piece) {
    const part = body.subarray(at, at + piece);
    chunks.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  chunks.push(Buffer.from("0\r\n\r\n"));
  answers.set(path, Buffer.concat(chunks));
  process.send?.("ready");
});

const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (request) => {
    const path = /^GET (\S+)/.exec(request.toString("latin1"))?.[1] ?? "";
    socket.write(answers.get(path) ?? Buffer.from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
  });
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address().port));
process.on("disconnect", () => process.exit());
